"""Masks laid over their photos, for people to judge at a glance."""

from collections.abc import Iterator
from contextlib import suppress

import cv2
import numpy as np
import polars as pl

from plateful.errors import PlatefulError
from plateful.stores import Lake
from plateful.vision.image_io import open_stored
from plateful.vision.measures import fitted

OUTLINE = (255, 84, 48)
_TINT = 0.35
# Long side of an overlay; a sheet's cells are smaller.
SIDE = 256


def tinted(array: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Tint uint8 RGB (H, W, 3) inside `mask` (uint8 (h, w), scaled to fit) and draw the mask's contour."""
    inside = scaled_mask(mask, array.shape)
    colour = np.array(OUTLINE, np.float32)
    shown = np.where(inside[..., None] == 1, array + (colour - array) * _TINT, array).astype(np.uint8)
    return contoured(shown, inside)


def outlined(array: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Dim uint8 RGB (H, W, 3) outside `mask` (uint8 (h, w), scaled to fit) and draw the mask's contour."""
    inside = scaled_mask(mask, array.shape)
    shown = np.where(inside[..., None] == 1, array, (array * 0.45 + 60).astype(np.uint8))
    return contoured(shown, inside)


def scaled_mask(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return a mask, uint8 0/255 (h, w), as 0/1 in the height and width of `shape`."""
    return (cv2.resize(mask, (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST) > 127).astype(np.uint8)


def contoured(array: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Draw the outer contours of `inside` (0/1) on a copy of the picture."""
    contours, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    width = max(2, max(array.shape[:2]) // 64)
    return cv2.drawContours(array.copy(), contours, -1, OUTLINE, width)


def mask_overlays(masks: pl.DataFrame, lake: Lake, limit: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (label, uint8 RGB overlay of at most SIDE px) of the first `limit` masked photos, each once.

    A photo or mask that cannot be read is left out: who needs it reports it.
    """
    found = masks.filter(pl.col("mask_sha256").is_not_null()).unique("photo_sha256", maintain_order=True)
    for row in found.head(limit).iter_rows(named=True):
        with suppress(PlatefulError):
            photo = fitted(open_stored(lake.get_image(row["photo_sha256"])), SIDE)
            mask = open_stored(lake.get_image(row["mask_sha256"]))[..., 0]
            yield f"{row['product_id']} {row['area']:.0%}", tinted(photo, mask)
