"""Masks of vendor photos: once per photo and method; a photo that cannot be masked stops no other."""

import cv2
import numpy as np
import polars as pl
import pytest

from plateful.errors import StoreError
from plateful.identity import sha256_hex
from plateful.rendering import masking
from plateful.rendering.masking import mask_photos
from plateful.stores.lake import Lake
from plateful.vision.image_io import encode_png
from plateful.vision.masks import DishMask, dish_mask
from tests.plateful.vision.conftest import drawn


def stored(lake: Lake, seed: int) -> str:
    png = encode_png(drawn(seed).image)
    lake.put_image(sha256_hex(png), png)
    return sha256_hex(png)


def wanted(*photos: str) -> pl.DataFrame:
    rows = [{"product_id": str(i), "photo_sha256": p, "route": "inpaint"} for i, p in enumerate(photos)]
    return pl.DataFrame(rows)


def test_equal_photos_are_masked_once_and_remembered(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = stored(lake, 900_000), stored(lake, 900_001)
    frame = mask_photos(wanted(first, second, first), lake)
    assert frame["status"].to_list() == ["ok"] * 3
    assert frame["mask_sha256"][0] == frame["mask_sha256"][2] != frame["mask_sha256"][1]
    monkeypatch.setattr(masking, "dish_mask", None)
    assert mask_photos(wanted(first, second, first), lake, frame).equals(frame)


def test_a_photo_that_cannot_be_masked_says_why_and_is_tried_again(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, hard, broken = stored(lake, 900_000), stored(lake, 900_001), sha256_hex(b"GIF89a")
    lake.put_image(broken, b"GIF89a")
    hard_shape = drawn(900_001).image

    def breaking(array: np.ndarray) -> DishMask:
        if np.array_equal(array, hard_shape):
            raise cv2.error("no clusters")
        return dish_mask(array)

    monkeypatch.setattr(masking, "dish_mask", breaking)
    frame = mask_photos(wanted(good, hard, broken), lake)
    assert frame["mask_sha256"].is_null().to_list() == [False, True, True]
    assert frame["status"].to_list()[:2] == ["ok", "failed: error: no clusters"]
    assert frame["status"][2].startswith("failed: ImageError: picture is not JPEG")
    monkeypatch.undo()
    again = mask_photos(wanted(good, hard, broken), lake, frame)
    assert again["status"].to_list()[:2] == ["ok", "ok"]


def test_a_photo_that_is_not_in_the_lake_stops_the_run(lake: Lake) -> None:
    with pytest.raises(StoreError, match="not in the store"):
        mask_photos(wanted("0" * 64), lake)
