"""The product feed: the input contract, read country by country.

Every data row ends in exactly one place: a product, a reject of its country, or a feed-level reject when it
has no valid country. So `rows_in = rejects + products` holds for each country, and all countries and the
feed-level rejects add up to the file.
"""

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import polars as pl

from plateful.countries import COUNTRIES
from plateful.errors import FeedError
from plateful.identity import content_hash
from plateful.products.cleaning import cut, one_line
from plateful.products.image_paths import find_picture, path_problem
from plateful.products.rows import Fault, parse_row
from plateful.products.sources import RawRow, feed_files, read_rows
from plateful.products.urls import is_address
from plateful.tables import PRODUCTS, REJECTS, Table

_LATER = ("image_status", "image_reasons", "photo_sha256")
FEED_PRODUCTS = Table(
    "feed_products",
    PRODUCTS.key,
    {name: column for name, column in PRODUCTS.columns.items() if name not in _LATER},
)


@dataclass(frozen=True)
class FeedSlice:
    """One country of a feed: rows read, products (PRODUCTS less the image columns), rejects (REJECTS)."""

    rows_in: int
    products: pl.DataFrame
    rejects: pl.DataFrame


class ProductFeed(ABC):
    """A feed, wherever its rows are; it shows them as they are when they are first read.

    Attributes:
        path: the feed's name, as runs record it.
    """

    path: str

    @property
    @abstractmethod
    def root(self) -> Path | None:
        """Folder against which picture paths are resolved, None where only addresses make sense."""

    @abstractmethod
    def state(self) -> str:
        """Return a text that changes whenever the feed's content may have: cheap, and asked for often."""

    @abstractmethod
    def countries(self) -> list[str]:
        """Codes of the countries that have rows, sorted."""

    @abstractmethod
    def rows_in(self, country: str) -> int:
        """Count a country's rows."""

    @abstractmethod
    def content_hash(self, country: str) -> str:
        """Hash what a country's run would read, so that an unchanged country is not run again."""

    @abstractmethod
    def _rows_of(self, country: str) -> Sequence[RawRow]:
        """Rows of a country in their order, or under the empty string those without a valid one."""

    def read(self, country: str) -> FeedSlice:
        """Return one country's rows as products and rejects; two empty frames when it has none."""
        if country not in COUNTRIES:
            raise FeedError(
                f"country {country!r} is not known", fix="use one of the codes in plateful/countries.py"
            )
        rows = self._rows_of(country)
        products, rejects, first_seen = [], [], {}
        for raw in rows:
            parsed = parse_row(raw, country, self.root)
            if not isinstance(parsed, Fault) and parsed["product_id"] in first_seen:
                first = first_seen[parsed["product_id"]]
                parsed = Fault(
                    "duplicate_product_id",
                    f"{cut(parsed['product_id'], 80)!r} is row {first.row} of {first.file}; that one stays",
                )
            if isinstance(parsed, Fault):
                rejects.append(_reject(raw, parsed))
            else:
                first_seen[parsed["product_id"]] = raw
                products.append(parsed)
        return FeedSlice(len(rows), FEED_PRODUCTS.frame(products), REJECTS.frame(rejects))

    def unassigned(self) -> pl.DataFrame:
        """Return the feed-level rejects: rows without a valid country."""
        return REJECTS.frame([_reject(raw, _country_fault(raw)) for raw in self._rows_of("")])


class Feed(ProductFeed):
    """A feed in files: a CSV or Parquet file, or a folder of them; pictures are named relative to its folder.

    Files are read once per instance; make a new one to see new content.

    Args:
        path: the file or folder.

    Raises:
        FeedError: the path is not a feed; on reading, also a missing column, a broken file, or a feed without
        rows.
    """

    def __init__(self, path: str) -> None:
        self.path = str(path)
        self._place = Path(path)
        self._files = feed_files(self._place)

    @property
    def root(self) -> Path:
        """Folder against which picture paths are resolved."""
        return self._place if self._place.is_dir() else self._place.parent

    def files(self) -> list[str]:
        """Names of the feed's files, in reading order."""
        return [p.name for p in self._files]

    def countries(self) -> list[str]:
        """Codes of the countries that have rows, sorted."""
        return sorted(code for code in self._rows if code)

    def rows_in(self, country: str) -> int:
        """Count a country's rows."""
        return len(self._rows_of(country))

    def state(self) -> str:
        """Hash names, sizes and dates of the files; see `ProductFeed`."""
        states = [(path.name, path.stat()) for path in self._files]
        text = "\n".join(f"{name}\x1f{stat.st_size}\x1f{stat.st_mtime_ns}" for name, stat in states)
        return hashlib.sha256(text.encode()).hexdigest()

    def _rows_of(self, country: str) -> Sequence[RawRow]:
        return self._rows.get(country, [])

    def content_hash(self, country: str) -> str:
        """Hash what a country's run would read: its rows, and the pictures they name.

        Neither clocks, file dates nor the order of products count, so a feed exported again unchanged keeps
        its hash. The order of rows with one id does: the first is the product.
        """
        rows: dict[str, list] = {}
        for raw in self._rows.get(country, []):
            same_id = rows.setdefault(one_line(raw.cells["product_id"]), [])
            same_id.append([raw.cells, raw.fault, self._picture_digest(raw)])
        return content_hash(sorted(content_hash(same_id) for same_id in rows.values()))

    def _picture_digest(self, raw: RawRow) -> str | None:
        reference = raw.cells["image_url"].strip()
        if not reference or is_address(reference) or path_problem(reference, self.root):
            return None
        found = find_picture(reference, self.root)
        if found is None:
            return None
        state = found.stat()
        return _file_digest(found, state.st_size, state.st_mtime_ns)

    @cached_property
    def _rows(self) -> dict[str, list[RawRow]]:
        """Rows by country code; those without a valid country under the empty string."""
        grouped: dict[str, list[RawRow]] = {}
        for path in self._files:
            for raw in read_rows(path, path.name):
                code = raw.cells["country"].strip().upper()
                grouped.setdefault(code if code in COUNTRIES else "", []).append(raw)
        if not grouped:
            raise FeedError(
                f"feed {self.path!r} has no rows", fix="give at least one data row under the header"
            )
        return grouped


@lru_cache(maxsize=100_000)
def _file_digest(path: Path, _size: int, _changed_ns: int) -> str:
    """Digest a picture once per state of its file: the sensor asks every 30 s."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _country_fault(raw: RawRow) -> Fault:
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


def _reject(raw: RawRow, fault: Fault) -> dict:
    return {
        "file": raw.file,
        "row": raw.row,
        "product_id": cut(one_line(raw.cells["product_id"][:1_000]), 200),
        "country": cut(one_line(raw.cells["country"][:1_000]), 200),
        "reason": fault.reason,
        "detail": cut(fault.detail, 300),
    }
