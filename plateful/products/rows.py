"""Turn one raw feed row into a product, or into one reject with one named reason.

The reasons are tried in a fixed order and the first one wins, so that counts per reason are stable.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from plateful.identity import content_hash
from plateful.products.cleaning import cut, has_letter, hidden_characters, one_line, without_prices
from plateful.products.headings import is_section_heading
from plateful.products.image_paths import path_problem
from plateful.products.sources import COLUMNS, RawRow
from plateful.products.urls import UrlProblem, is_address, parse_url

APPLICATIONS = ("menu-item", "butcher-cuts", "prepared-foods", "lifestyle-carousel", "editorial-banner")
CONSENTS = ("none", "edit", "train")
# Longest in 700 rows of real feeds: name 105 characters, description 1,501, ingredients 1,317.
MAX_NAME, MAX_ID, MAX_FIELD, MAX_DESCRIPTION, MAX_EXPECTED_TEXT = 300, 200, 20_000, 2_000, 120
MAX_LIST, MAX_LIST_ITEM = 60, 200
DECIDES_PICTURE = (
    "name",
    "description",
    "category",
    "cuisine",
    "ingredients",
    "dietary",
    "allergens",
    "application",
    "related_products",
    "expected_text",
)


@dataclass(frozen=True)
class Fault:
    """Why a row is rejected: a named reason, and the offending value with what to do."""

    reason: str
    detail: str


Check = Callable[[dict[str, str], Path | None], Fault | None]


def parse_row(raw: RawRow, country: str, root: Path | None) -> dict | Fault:
    """Return the product's columns (image status apart), or the fault that rejects the row.

    Args:
        raw: the row as written.
        country: its valid country code.
        root: the feed's folder, against which picture paths are resolved; None takes addresses only.
    """
    if raw.fault:
        return Fault(raw.fault, raw.detail)
    cells = raw.cells
    fault = next((f for check in _RAW_CHECKS if (f := check(cells, root))), None)
    if fault:
        return fault
    # Before the product is made: most rows that come here are headings.
    return _heading(cells) or _product(cells, country)


def _heading(cells: dict[str, str]) -> Fault | None:
    if price_of(one_line(cells["price"])):
        return None
    description = _description(one_line(cells["description"]))
    ingredients = _list(one_line(cells["ingredients"]))
    bare = not (description or ingredients or cells["image_url"].strip())
    name, category = one_line(cells["name"]), cut(one_line(cells["category"]), MAX_NAME)
    if not is_section_heading(name, category, bare=bare):
        return None
    return Fault("section_heading", f"{cut(name, 80)!r} is a heading, not something to order")


def _too_long(cells: dict[str, str], _root: Path | None) -> Fault | None:
    long = next((c for c, v in cells.items() if len(v) > MAX_FIELD and c != "name"), None)
    if not long:
        return None
    return Fault(
        "field_too_long",
        f"{long} has {len(cells[long])} characters, limit {MAX_FIELD}: look for a lost quote",
    )


def _ids(cells: dict[str, str], _root: Path | None) -> Fault | None:
    for column in ("product_id", "vendor_id"):
        hidden = hidden_characters(cells[column])
        if hidden:
            return Fault("control_characters", f"{column} holds {hidden[0]}: remove it")
        text = one_line(cells[column])
        if not text:
            return Fault(f"missing_{column}", f"{column} is empty: give every row one")
        if len(text) > MAX_ID:
            return Fault("field_too_long", f"{column} has {len(text)} characters, limit {MAX_ID}")
    return None


def _name(cells: dict[str, str], _root: Path | None) -> Fault | None:
    name = cells["name"]
    if len(name.strip()) > MAX_NAME:
        return Fault(
            "name_too_long", f"{cut(one_line(name), 40)!r} has {len(name)} characters, limit {MAX_NAME}"
        )
    hidden = hidden_characters(name)
    if hidden:
        return Fault(
            "control_characters", f"{cut(one_line(name), 80)!r} holds {', '.join(hidden[:3])}: remove it"
        )
    if not has_letter(one_line(name)):
        return Fault("missing_name", f"{cut(one_line(name), 40)!r} has no letter: give the dish's name")
    return None


def _choices(cells: dict[str, str], _root: Path | None) -> Fault | None:
    application = one_line(cells["application"]).lower()
    if application and application not in APPLICATIONS:
        return Fault(
            "unknown_application",
            f"{cut(application, 60)!r}: use one of {', '.join(APPLICATIONS)}, or leave it empty",
        )
    consent = one_line(cells["image_consent"]).lower()
    if consent and consent not in CONSENTS:
        return Fault("bad_consent", f"image_consent {cut(consent, 60)!r}: use none, edit or train")
    expected = one_line(cells["expected_text"])
    if len(expected) > MAX_EXPECTED_TEXT:
        return Fault(
            "field_too_long", f"expected_text has {len(expected)} characters, limit {MAX_EXPECTED_TEXT}"
        )
    return None


def image_fault(cell: str, root: Path | None) -> Fault | None:
    """Return what is wrong with a picture reference as written, None when nothing is.

    Args:
        cell: the reference; empty when there is no picture.
        root: the feed's folder, None where only addresses make sense.
    """
    reference = cell.strip()
    if not reference:
        return None
    if is_address(reference):
        url = parse_url(reference)
        return (
            Fault(url.reason, f"{cut(one_line(reference), 120)!r} {url.detail}")
            if isinstance(url, UrlProblem)
            else None
        )
    if root is None:
        return Fault(
            "path_without_folder",
            f"{cut(one_line(reference), 120)!r} is a path, but a table has no folder: give an address",
        )
    problem = path_problem(reference, root)
    return Fault("path_outside_feed", f"{cut(one_line(reference), 120)!r} {problem}") if problem else None


def _image(cells: dict[str, str], root: Path | None) -> Fault | None:
    return image_fault(cells["image_url"], root)


_RAW_CHECKS: tuple[Check, ...] = (_too_long, _ids, _name, _choices, _image)


def _product(cells: dict[str, str], country: str) -> dict:
    text = {column: one_line(cells[column]) for column in COLUMNS}
    product = {
        "product_id": text["product_id"],
        "vendor_id": text["vendor_id"],
        "vendor_name": cut(text["vendor_name"], MAX_NAME),
        "country": country,
        "name": text["name"],
        "language": cut(text["language"], 60),
        "description": _description(text["description"]),
        "category": cut(text["category"], MAX_NAME),
        "cuisine": cut(text["cuisine"], MAX_NAME),
        "ingredients": _list(text["ingredients"]),
        "dietary": _list(text["dietary"]),
        "allergens": _list(text["allergens"]),
        "price": price_of(text["price"]),
        "currency": cut(text["currency"], 10),
        "image_url": cells["image_url"].strip(),
        "image_consent": text["image_consent"].lower() or "none",
        "application": text["application"].lower() or "menu-item",
        "related_products": _list(text["related_products"]),
        "expected_text": text["expected_text"] or None,
        "updated_at": time_of(text["updated_at"]),
    }
    product["record_hash"] = content_hash([product[column] for column in DECIDES_PICTURE])
    return product


def _description(text: str) -> str:
    return cut(without_prices(text), MAX_DESCRIPTION)


def _list(text: str) -> list[str]:
    parts: Iterable[str] = (part.strip() for part in text.split("|"))
    return [cut(part, MAX_LIST_ITEM) for part in parts if part][:MAX_LIST]


def price_of(text: str) -> float | None:
    """Read '4.95', '4,95' or 'RM 1,204.50'; null for 'market price': no picture depends on it."""
    digits = re.sub(r"[^\d.,]", "", text)
    if re.fullmatch(r"\d{1,9}(?:\.\d+)?", digits):
        return float(digits)
    if re.fullmatch(r"\d{1,9},\d{1,2}", digits):
        return float(digits.replace(",", "."))
    if re.fullmatch(r"\d{1,3}(?:,\d{3}){1,3}(?:\.\d+)?", digits):
        return float(digits.replace(",", ""))
    return None


def time_of(text: str) -> datetime | None:
    """Read an ISO 8601 time, UTC where it names no zone; null for anything else."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
