"""The product feed: the input contract, read country by country.

Every data row ends in exactly one place: a product, a reject of its country, or a feed-level reject when it
has no valid country. So `rows_in = rejects + products` holds for each country, and all countries and the
feed-level rejects add up to the file.
"""

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from functools import cached_property, lru_cache
from pathlib import Path

import polars as pl

from plateful.countries import COUNTRIES
from plateful.errors import FeedError
from plateful.products.columns import one_lines
from plateful.products.feed_memory import FeedMemory, Hashed, memory_of
from plateful.products.image_paths import find_picture, path_problem
from plateful.products.sheets import SHEET, Sheet, open_sheet, raw_rows
from plateful.products.slices import FEED_PRODUCTS, FeedSlice, country_fault, feed_slice, reject_row
from plateful.products.sources import COLUMNS, feed_files
from plateful.products.urls import is_address
from plateful.tables import REJECTS

__all__ = ["FEED_PRODUCTS", "Feed", "FeedSlice", "ProductFeed"]


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
    def _sheet(self, country: str) -> pl.DataFrame:
        """Rows of a country, or of those without a valid one (the empty string), in their order, as SHEET."""

    def read(self, country: str) -> FeedSlice:
        """Return one country's rows as products and rejects; two empty frames when it has none."""
        if country not in COUNTRIES:
            raise FeedError(
                f"country {country!r} is not known", fix="use one of the codes in plateful/countries.py"
            )
        return feed_slice(self._sheet(country), country, self.root)

    def unassigned(self) -> pl.DataFrame:
        """Return the feed-level rejects: rows without a valid country."""
        return REJECTS.frame([reject_row(raw, country_fault(raw)) for raw in raw_rows(self._sheet(""))])


class Feed(ProductFeed):
    """A feed in files: a CSV or Parquet file, or a folder of them; pictures are named relative to its folder.

    Files are read once per instance; make a new one to see new content. What a process found in files of
    equal names, sizes and dates it does not look for again.

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
        # The code and rows last asked for: a run reads its country and then hashes it.
        self._last: tuple[str, pl.DataFrame] | None = None

    @property
    def root(self) -> Path:
        """Folder against which picture paths are resolved."""
        return self._place if self._place.is_dir() else self._place.parent

    def files(self) -> list[str]:
        """Names of the feed's files, in reading order."""
        return [p.name for p in self._files]

    def countries(self) -> list[str]:
        """Codes of the countries that have rows, sorted."""
        return sorted(code for code in self._counts if code)

    def rows_in(self, country: str) -> int:
        """Count a country's rows."""
        return self._counts.get(country, 0)

    def state(self) -> str:
        """Hash names, sizes and dates of the files; see `ProductFeed`."""
        return _state(self._stats())

    def _stats(self) -> dict[str, os.stat_result]:
        try:
            return {path.name: path.stat() for path in self._files}
        except OSError as error:
            raise FeedError(
                f"feed {self.path!r} changed while it was read: {error}", fix="run again when it is written"
            ) from error

    def content_hash(self, country: str) -> str:
        """Hash what a country's run would read: its rows, and the pictures they name.

        Neither clocks, file dates nor the order of products count, so a feed exported again unchanged keeps
        its hash. The order of rows with one id does: the first is the product.
        """
        known = self._memory.hashed.get(country)
        if known is not None and self._pictures(known.pictures) == known.pictures:
            return known.content
        sheet = self._sheet(country)
        pictures = self._pictures(sheet["image_url"].unique())
        content = _content(sheet, {reference: digest for reference, digest in pictures.items() if digest})
        if self._unchanged():
            self._memory.hashed[country] = Hashed(content, pictures)
        return content

    def _pictures(self, cells: Iterable[str]) -> dict[str, str | None]:
        """Return reference -> digest, None without a file, of the cells that name a path."""
        named = [cell for cell in cells if cell.strip() and not is_address(cell.strip())]
        return {cell: self._picture_digest(cell.strip()) for cell in named}

    def _picture_digest(self, reference: str) -> str | None:
        if path_problem(reference, self.root):
            return None
        found = find_picture(reference, self.root)
        if found is None:
            return None
        state = found.stat()
        return _file_digest(found, state.st_size, state.st_mtime_ns)

    def _sheet(self, country: str) -> pl.DataFrame:
        if self._last is None or self._last[0] != country:
            there = country in self._counts
            found = [sheet.read(country) for sheet in self._sheets if there and country in sheet.counts()]
            self._last = (country, pl.concat([pl.DataFrame(schema=SHEET), *found]))
        return self._last[1]

    @cached_property
    def _memory(self) -> FeedMemory:
        """What is known of the state in which the files were before the first of them was read."""
        stats = self._stats()
        return memory_of(self._place, _state(stats), max(stat.st_mtime for stat in stats.values()))

    def _unchanged(self) -> bool:
        """Whether what was read is of that state."""
        return self.state() == self._memory.state

    @cached_property
    def _counts(self) -> dict[str, int]:
        """Rows by country code; those without a valid country under the empty string."""
        memory = self._memory
        if memory.counts is None:
            counts = self._counted()
            if not self._unchanged():
                return counts
            memory.counts = counts
        return memory.counts

    def _counted(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for sheet in self._sheets:
            for code, rows in sheet.counts().items():
                counts[code] = counts.get(code, 0) + rows
        if not counts:
            raise FeedError(
                f"feed {self.path!r} has no rows", fix="give at least one data row under the header"
            )
        return counts

    @cached_property
    def _sheets(self) -> list[Sheet]:
        return [open_sheet(path) for path in self._files]


def _state(stats: Mapping[str, os.stat_result]) -> str:
    text = "\n".join(f"{name}\x1f{stat.st_size}\x1f{stat.st_mtime_ns}" for name, stat in stats.items())
    return hashlib.sha256(text.encode()).hexdigest()


def _content(sheet: pl.DataFrame, pictures: Mapping[str, str]) -> str:
    """Hash a country's SHEET with the digests of the pictures that it names."""
    digests = sheet["image_url"].replace_strict(pictures, default="", return_dtype=pl.String)
    read = sheet.select("fault", *COLUMNS, digests.alias("picture"))
    # Every cell with its length in front, so that no two rows read alike.
    cells = (
        part
        for name in read.columns
        for part in (pl.col(name).str.len_bytes().cast(pl.String), pl.lit(":"), pl.col(name))
    )
    ordered = read.select(pl.concat_str(*cells).alias("text"), one_lines(read["product_id"]).alias("id"))
    digest = hashlib.sha256()
    for text in ordered.sort("id", maintain_order=True)["text"]:
        digest.update(text.encode())
    return digest.hexdigest()


@lru_cache(maxsize=100_000)
def _file_digest(path: Path, _size: int, _changed_ns: int) -> str:
    """Digest a picture once per state of its file: the sensor asks every 30 s."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
