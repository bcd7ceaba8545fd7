"""products_without_images: the products that need a picture, and how each may get it."""

import polars as pl

from plateful.tables import PRODUCTS_WITHOUT_IMAGES

NEEDS_IMAGE = ("missing", "dead", "placeholder", "poor")
EDITABLE = ("edit", "train")


def without_images(products: pl.DataFrame) -> pl.DataFrame:
    """Select products whose image status is missing, dead, placeholder or poor.

    Args:
        products: PRODUCTS frame.

    Returns:
        PRODUCTS_WITHOUT_IMAGES frame: `route` is inpaint for a poor photo whose vendor lets it be edited,
        else text_to_image.
    """
    repaint = (
        (pl.col("image_status") == "poor")
        & pl.col("image_consent").is_in(EDITABLE)
        & pl.col("photo_sha256").is_not_null()
    )
    needing = products.filter(pl.col("image_status").is_in(NEEDS_IMAGE)).with_columns(
        route=pl.when(repaint).then(pl.lit("inpaint")).otherwise(pl.lit("text_to_image"))
    )
    return PRODUCTS_WITHOUT_IMAGES.frame(needing.select(list(PRODUCTS_WITHOUT_IMAGES.columns)))
