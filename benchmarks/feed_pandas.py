"""The same work in pandas: read, clean, reject with reasons, tell the image status, select.

Cell by cell with the functions that define the rules, as one writes it in pandas: a column's `map`, a mask,
a `groupby`. `read_all` reads the file and then filters; `read_filtered` lets pyarrow filter while it reads.
"""

from pathlib import Path

import pandas as pd

from plateful.identity import content_hash
from plateful.products.cleaning import cut, has_letter, hidden_characters, one_line, without_prices
from plateful.products.headings import is_section_heading
from plateful.products.image_paths import find_picture
from plateful.products.photos import PLACEHOLDER_MIN
from plateful.products.rows import (
    APPLICATIONS,
    CONSENTS,
    DECIDES_PICTURE,
    MAX_DESCRIPTION,
    MAX_FIELD,
    MAX_ID,
    MAX_LIST,
    MAX_LIST_ITEM,
    MAX_NAME,
    image_fault,
    price_of,
    time_of,
)
from plateful.products.selection import EDITABLE, NEEDS_IMAGE
from plateful.products.sources import COLUMNS
from plateful.products.urls import is_address

LISTS = ("ingredients", "dietary", "allergens", "related_products")


def read_all(path: Path, country: str) -> pd.DataFrame:
    """Read the whole feed, then keep one country."""
    frame = pd.read_parquet(path, columns=list(COLUMNS))
    return frame[frame["country"].str.strip().str.upper() == country]


def read_filtered(path: Path, country: str) -> pd.DataFrame:
    """Read one country; its spellings have to be known beforehand."""
    spelt = [("country", "in", [country, country.lower()])]
    return pd.read_parquet(path, columns=list(COLUMNS), filters=spelt)


def products(rows: pd.DataFrame, root: Path) -> tuple[pd.DataFrame, pd.Series]:
    """Return one country's products and the reason of each rejected row."""
    raw = rows.reset_index(drop=True).fillna("").astype(object)
    clean = raw.apply(lambda column: column.map(one_line))
    reasons = _reasons(raw, clean, root)
    clean["image_url"] = raw["image_url"].str.strip()
    for name in LISTS:
        clean[name] = clean[name].map(_items)
    clean["description"] = clean["description"].map(lambda text: cut(without_prices(text), MAX_DESCRIPTION))
    clean["price"] = clean["price"].map(price_of)
    clean["updated_at"] = clean["updated_at"].map(time_of)
    clean["image_consent"] = clean["image_consent"].str.lower().replace("", "none")
    clean["application"] = clean["application"].str.lower().replace("", "menu-item")
    clean["expected_text"] = clean["expected_text"].map(lambda text: text or None).astype(object)
    clean["expected_text"] = clean["expected_text"].where(clean["expected_text"].notna(), None)
    _mark_headings(clean, reasons)
    good = clean[reasons == ""]
    repeats = good.index[good["product_id"].duplicated()]
    reasons.loc[repeats] = "duplicate_product_id"
    good = good.drop(index=repeats)
    decisive = zip(*(good[name] for name in DECIDES_PICTURE), strict=True)
    return good.assign(record_hash=[content_hash(list(values)) for values in decisive]), reasons[
        reasons != ""
    ]


def without_images(found: pd.DataFrame, root: Path) -> pd.DataFrame:
    """Return the products that need a picture, each with its route; no address is asked."""
    references = found["image_url"].drop_duplicates()
    status = dict.fromkeys(references, "unchecked") | {"": "missing"}
    for reference in references[(references != "") & ~references.map(is_address)]:
        status[reference] = "dead" if find_picture(reference, root) is None else "unchecked"
    names = found.assign(name=found["name"].str.casefold()).groupby("image_url")["name"].nunique()
    shared = {url for url, count in names.items() if count >= PLACEHOLDER_MIN and status[url] == "unchecked"}
    found = found.assign(image_status=found["image_url"].map(status))
    found.loc[found["image_url"].isin(shared), "image_status"] = "placeholder"
    needing = found[found["image_status"].isin(NEEDS_IMAGE)]
    repaint = (needing["image_status"] == "poor") & needing["image_consent"].isin(EDITABLE)
    return needing.assign(route=repaint.map({True: "inpaint", False: "text_to_image"}))


def _reasons(raw: pd.DataFrame, clean: pd.DataFrame, root: Path) -> pd.Series:
    """Return the first fault of every row, empty without one."""
    reasons = pd.Series("", index=raw.index, dtype=object)

    def mark(rows: pd.Series, reason: str) -> None:
        reasons[rows & (reasons == "")] = reason

    for name in COLUMNS:
        if name != "name":
            mark(raw[name].str.len() > MAX_FIELD, "field_too_long")
    for name in ("product_id", "vendor_id"):
        mark(raw[name].map(hidden_characters).map(bool), "control_characters")
        mark(clean[name] == "", f"missing_{name}")
        mark(clean[name].str.len() > MAX_ID, "field_too_long")
    mark(raw["name"].str.strip().str.len() > MAX_NAME, "name_too_long")
    mark(raw["name"].map(hidden_characters).map(bool), "control_characters")
    mark(~clean["name"].map(has_letter), "missing_name")
    mark(~clean["application"].str.lower().isin(["", *APPLICATIONS]), "unknown_application")
    mark(~clean["image_consent"].str.lower().isin(["", *CONSENTS]), "bad_consent")
    faults = raw["image_url"].map(lambda cell: image_fault(cell, root))
    mark(faults.notna(), "unsafe_url")
    return reasons


def _mark_headings(clean: pd.DataFrame, reasons: pd.Series) -> None:
    bare = (clean["price"].isna() | (clean["price"] == 0)) & (clean["description"] == "")
    bare &= (clean["ingredients"].str.len() == 0) & (clean["image_url"] == "") & (reasons == "")
    for row in clean[bare].itertuples():
        if is_section_heading(row.name, row.category, bare=True):
            reasons.loc[row.Index] = "section_heading"


def _items(text: str) -> list[str]:
    parts = (part.strip() for part in text.split("|"))
    return [cut(part, MAX_LIST_ITEM) for part in parts if part][:MAX_LIST]
