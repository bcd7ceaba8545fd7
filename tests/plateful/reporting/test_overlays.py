"""Overlays: the photo stays to be seen, the mask shows where it is, and each photo is shown once."""

from pathlib import Path

import numpy as np
import polars as pl

from plateful.identity import sha256_hex
from plateful.reporting.overlays import OUTLINE, SIDE, mask_overlays, outlined, tinted
from plateful.stores import Lake
from plateful.vision.image_io import encode_png

PHOTO = np.full((300, 400, 3), 90, np.uint8)
MASK = np.zeros((300, 400), np.uint8)
MASK[100:200, 120:280] = 255


def test_tint_marks_the_inside_and_leaves_the_outside() -> None:
    shown = tinted(PHOTO, MASK)
    assert (shown[20, 20] == 90).all()
    inside = shown[150, 200].astype(int)
    assert inside[0] > 90 + 40
    assert abs(inside[2] - 90) < 20
    assert tuple(shown[100, 200]) == OUTLINE


def test_an_outline_dims_the_outside_and_takes_a_mask_of_any_size() -> None:
    shown = outlined(PHOTO, MASK[::2, ::2])
    assert (shown[150, 200] == 90).all()
    assert not (shown[20, 20] == 90).all()
    assert tuple(shown[100, 200]) == OUTLINE


def test_each_photo_is_overlaid_once_and_lost_ones_are_left_out(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    keys = []
    for array in (PHOTO, MASK):
        png = encode_png(array)
        keys.append(sha256_hex(png))
        lake.put_image(keys[-1], png)
    photo, mask = keys
    rows = [("a", photo, mask), ("b", photo, mask), ("c", "0" * 64, mask), ("d", photo[::-1], None)]
    masks = pl.DataFrame(
        [{"product_id": p, "photo_sha256": s, "mask_sha256": m, "area": 0.13} for p, s, m in rows]
    )
    ((label, overlay),) = mask_overlays(masks, lake, 32)
    assert label == "a 13%"
    assert overlay.shape == (192, SIDE, 3)
