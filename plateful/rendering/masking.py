"""Masks for the inpaint route: find the food in each vendor photo, once per photo and method."""

import polars as pl

from plateful.identity import sha256_hex
from plateful.stores import Lake
from plateful.tables import INPAINTING_MASKS
from plateful.vision.image_io import encode_png, open_image
from plateful.vision.masks import METHOD, dish_mask


def mask_photos(
    without_images: pl.DataFrame, lake: Lake, previous: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Return INPAINTING_MASKS rows for every product on the inpaint route.

    Args:
        without_images: PRODUCTS_WITHOUT_IMAGES rows.
        lake: where photos are read and masks are put.
        previous: masks of the last materialization; a photo already masked by this method is not masked
            again.
    """
    photos = without_images.filter(pl.col("route") == "inpaint").select("product_id", "photo_sha256")
    done = {} if previous is None else _by_photo(previous.filter(pl.col("method") == METHOD))
    rows = []
    for product_id, photo in photos.iter_rows():
        done[photo] = done.get(photo) or _mask(photo, lake)
        rows.append({**done[photo], "product_id": product_id})
    return INPAINTING_MASKS.frame(rows)


def _by_photo(previous: pl.DataFrame) -> dict[str, dict]:
    return {row["photo_sha256"]: row for row in previous.iter_rows(named=True)}


def _mask(photo: str, lake: Lake) -> dict:
    found = dish_mask(open_image(lake.get_image(photo)))
    digest = None
    if found.mask is not None:
        png = encode_png(found.mask)
        digest = sha256_hex(png)
        lake.put_image(digest, png)
    return {
        "photo_sha256": photo,
        "mask_sha256": digest,
        "area": found.area,
        "status": found.status,
        "method": found.method,
    }
