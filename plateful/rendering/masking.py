"""Masks for the inpaint route: find the dish in each vendor photo, once per photo and method."""

from typing import Protocol

import numpy as np
import polars as pl

from plateful.identity import sha256_hex
from plateful.item_faults import stops_all, told
from plateful.stores import Lake
from plateful.tables import INPAINTING_MASKS
from plateful.vision.image_io import encode_png, open_stored
from plateful.vision.masks import DishMask

FAILED = "failed"


class Masking(Protocol):
    """What masks photos: its name without loading a model, and the models on demand."""

    def method(self) -> str:
        """Name of everything that decides a mask."""
        ...

    def find(self, array: np.ndarray) -> DishMask:
        """Find the dish in one uint8 RGB (H, W, 3) photo, or say why there is none."""
        ...


def mask_photos(
    without_images: pl.DataFrame, lake: Lake, masking: Masking, previous: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Return INPAINTING_MASKS rows for every product on the inpaint route.

    Args:
        without_images: PRODUCTS_WITHOUT_IMAGES rows.
        lake: where photos are read and masks are put.
        masking: finds dishes.
        previous: masks of the last materialization; a photo already masked by this method is not masked
            again, one that could not be is.
    """
    photos = without_images.filter(pl.col("route") == "inpaint").select("product_id", "photo_sha256")
    method = masking.method()
    done = {} if previous is None else _by_photo(previous, method)
    rows = []
    for product_id, photo in photos.iter_rows():
        done[photo] = done.get(photo) or {**_mask(photo, lake, masking), "method": method}
        rows.append({**done[photo], "product_id": product_id})
    return INPAINTING_MASKS.frame(rows)


def _by_photo(previous: pl.DataFrame, method: str) -> dict[str, dict]:
    usable = (pl.col("method") == method) & ~pl.col("status").str.starts_with(FAILED)
    return {row["photo_sha256"]: row for row in previous.filter(usable).iter_rows(named=True)}


def _mask(photo: str, lake: Lake, masking: Masking) -> dict:
    png = lake.get_image(photo)
    try:
        found = masking.find(open_stored(png))
    except Exception as error:
        if stops_all(error):
            raise
        found = DishMask(None, 0.0, f"{FAILED}: {told(error)}")
    digest = None
    if found.mask is not None:
        mask = encode_png(found.mask)
        digest = sha256_hex(mask)
        lake.put_image(digest, mask)
    return {"photo_sha256": photo, "mask_sha256": digest, "area": found.area, "status": found.status}
