"""Products as the prompts' tests need them."""

import json
from typing import Any

import polars as pl

from plateful.prompts.writer import Desk, write_prompts
from plateful.tables import PRODUCTS_WITHOUT_IMAGES, PROMPTS
from plateful.translation import translate

_LISTS = [n for n, (dtype, _) in PRODUCTS_WITHOUT_IMAGES.columns.items() if dtype == pl.List(pl.String)]
_FIXED = {
    "product_id": "1",
    "vendor_id": "v",
    "country": "GB",
    "name": "Pizza",
    "language": "en",
    "application": "menu-item",
    "record_hash": "r",
    "route": "text_to_image",
}


def product(**change: Any) -> dict[str, Any]:
    """A PRODUCTS_WITHOUT_IMAGES row."""
    return dict.fromkeys(PRODUCTS_WITHOUT_IMAGES.columns) | {n: [] for n in _LISTS} | _FIXED | change


def translated(*products: dict[str, Any]) -> pl.DataFrame:
    """TRANSLATED_PRODUCTS of such rows."""
    return translate(PRODUCTS_WITHOUT_IMAGES.frame(list(products)))


def requests(*products: dict[str, Any], beside: pl.DataFrame | None = None, desk: Desk | None = None) -> list:
    """PROMPTS rows of products, their JSON read: `lines`, `promises`, `asked`, `areas`."""
    frame = write_prompts(translated(*products), beside, desk)
    assert frame.schema == PROMPTS.schema
    return [
        row
        | {
            "lines": json.loads(row["rubric"]),
            "promises": json.loads(row["contract"]),
            "asked": json.loads(row["parameters"]),
            "areas": json.loads(row["layout"] or "{}"),
        }
        for row in frame.iter_rows(named=True)
    ]


def written(**change: Any) -> dict[str, Any]:
    """The one request of a product."""
    return requests(product(**change))[0]


def line(row: dict[str, Any], claim: str, part: str = "lines") -> dict[str, Any]:
    """A request's first line with this claim."""
    return next(entry for entry in row[part] if entry["claim"] == claim)
