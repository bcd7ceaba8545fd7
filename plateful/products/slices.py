"""One country's rows -> products and rejects: plain rows by columns, the others one by one."""

import re
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from plateful.products.cleaning import cut, one_line
from plateful.products.columns import cleaned, plain, products_of
from plateful.products.rows import Fault, parse_row
from plateful.products.sheets import raw_rows
from plateful.products.sources import RawRow
from plateful.tables import PRODUCTS, REJECTS, Table

_LATER = ("image_status", "image_reasons", "photo_sha256")
FEED_PRODUCTS = Table(
    "feed_products",
    PRODUCTS.key,
    {name: column for name, column in PRODUCTS.columns.items() if name not in _LATER},
)
# Where a row is from, while products and rejects are told apart.
_PLACE = {"place": pl.Int64, "file": pl.String, "row": pl.Int64}


@dataclass(frozen=True)
class FeedSlice:
    """One country of a feed: rows read, products (PRODUCTS less the image columns), rejects (REJECTS)."""

    rows_in: int
    products: pl.DataFrame
    rejects: pl.DataFrame


def feed_slice(sheet: pl.DataFrame, country: str, root: Path | None) -> FeedSlice:
    """Return a country's rows as products and rejects, both in the order of the feed.

    Args:
        sheet: SHEET frame of the country.
        country: its code.
        root: the feed's folder, against which picture paths are resolved; None takes addresses only.
    """
    placed = sheet.with_row_index("place")
    clean = cleaned(placed)
    easy = plain(sheet, clean, root)
    by_columns = products_of(clean.filter(easy), country).select(list(_schema()))
    odd = placed.filter(~easy)
    parsed, faults = [], []
    for place, raw in zip(odd["place"], raw_rows(odd), strict=True):
        found = parse_row(raw, country, root)
        if isinstance(found, Fault):
            faults.append({"place": place, **reject_row(raw, found)})
        else:
            parsed.append({"place": place, "file": raw.file, "row": raw.row, **found})
    one_by_one = pl.DataFrame(parsed, schema=_schema())
    products = pl.concat([by_columns.cast(pl.Schema(_schema())), one_by_one]).sort("place")
    first = products.unique("product_id", keep="first", maintain_order=True)
    again = products.join(first.select("place"), on="place", how="anti")
    faults += _repeats(again, first, sheet)
    rejects = REJECTS.frame([_unplaced(row) for row in sorted(faults, key=lambda row: row["place"])])
    return FeedSlice(sheet.height, FEED_PRODUCTS.frame(first.drop(_PLACE)), rejects)


def reject_row(raw: RawRow, fault: Fault) -> dict:
    """Return one REJECTS row."""
    return {
        "file": raw.file,
        "row": raw.row,
        "product_id": cut(one_line(raw.cells["product_id"][:1_000]), 200),
        "country": cut(one_line(raw.cells["country"][:1_000]), 200),
        "reason": fault.reason,
        "detail": cut(fault.detail, 300),
    }


def country_fault(raw: RawRow) -> Fault:
    """Return why a row without a valid country is nobody's."""
    if raw.fault:
        return Fault(raw.fault, raw.detail)
    country = one_line(raw.cells["country"])
    if not country:
        return Fault("missing_country", "country is empty: give an ISO 3166-1 alpha-2 code")
    shape = (
        "is not served: see plateful/countries.py"
        if re.fullmatch("[A-Za-z]{2}", country)
        else "is no ISO 3166-1 alpha-2 code"
    )
    return Fault("unknown_country", f"{cut(country, 60)!r} {shape}")


def _schema() -> dict[str, pl.DataType | type[pl.DataType]]:
    return {**_PLACE, **FEED_PRODUCTS.schema}


def _repeats(again: pl.DataFrame, first: pl.DataFrame, sheet: pl.DataFrame) -> list[dict]:
    """Return the rejects of products whose id an earlier row has."""
    earlier = first.select("product_id", pl.col("file").alias("first_file"), pl.col("row").alias("first_row"))
    rejects = []
    found = again.select("place", "product_id").join(earlier, on="product_id", how="left")
    raws = raw_rows(sheet[again["place"].to_list()])
    for row, raw in zip(found.sort("place").iter_rows(named=True), raws, strict=True):
        detail = (
            f"{cut(row['product_id'], 80)!r} is row {row['first_row']} of {row['first_file']}; that one stays"
        )
        rejects.append({"place": row["place"], **reject_row(raw, Fault("duplicate_product_id", detail))})
    return rejects


def _unplaced(row: dict) -> dict:
    return {name: value for name, value in row.items() if name != "place"}
