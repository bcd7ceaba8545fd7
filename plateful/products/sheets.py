"""One country of a feed file as a frame of texts, without reading the rest of the file more than it must be.

A sheet has the columns of FORM (where the row is from, what is wrong with its form) and every column of the
feed's contract as text, in file order. A Parquet file gives up its country column first; of the others only
the rows of the country asked for are decoded.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import polars as pl

from plateful.countries import COUNTRIES
from plateful.errors import FeedError
from plateful.products.sources import COLUMNS, RawRow, as_text, csv_rows, header

FORM = {"file": pl.String, "row": pl.Int64, "fault": pl.String, "detail": pl.String}
SHEET = {**FORM, **dict.fromkeys(COLUMNS, pl.String)}
# No feed can name a column like this.
_ROW = "\x00row"


def country_code(text: str) -> str:
    """Return the code that a country cell gives, empty when it is none that is served."""
    code = text.strip().upper()
    return code if code in COUNTRIES else ""


class CsvSheet:
    """A CSV file; it is read whole, once."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def counts(self) -> dict[str, int]:
        """Return country code -> rows; those without a valid country under the empty string."""
        return {code: len(rows) for code, rows in self._rows.items()}

    def read(self, code: str) -> pl.DataFrame:
        """Return a country's rows as SHEET."""
        return _frame(self._rows.get(code, []))

    @cached_property
    def _rows(self) -> dict[str, list[RawRow]]:
        grouped: dict[str, list[RawRow]] = {}
        for raw in csv_rows(self._path, self._path.name):
            grouped.setdefault(country_code(raw.cells["country"]), []).append(raw)
        return grouped


class ParquetSheet:
    """A Parquet file; a country's rows are read when they are asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def counts(self) -> dict[str, int]:
        """Return country code -> rows; those without a valid country under the empty string."""
        counts: dict[str, int] = {}
        for value, rows in self._spellings:
            code = country_code(as_text(value))
            counts[code] = counts.get(code, 0) + rows
        return counts

    def read(self, code: str) -> pl.DataFrame:
        """Return a country's rows as SHEET."""
        spelt = [value for value, _ in self._spellings if country_code(as_text(value)) == code]
        country = pl.col(self._columns["country"])
        chosen = country.is_in([value for value in spelt if value is not None])
        chosen = (chosen | country.is_null()) if None in spelt else chosen
        try:
            found = (
                self._scan.filter(chosen).select(_ROW, *self._columns.values()).collect(engine="streaming")
            )
        except (pl.exceptions.PolarsError, OSError) as error:
            raise self._unreadable(error) from error
        own = {name: found[column] for name, column in self._columns.items()}
        return typed_sheet(self._path.name, found[_ROW], own)

    @cached_property
    def _spellings(self) -> list[tuple[object, int]]:
        """Every value of the country column, with its rows."""
        country = pl.col(self._columns["country"])
        try:
            found = self._scan.select(country).group_by(country).len().collect(engine="streaming")
        except (pl.exceptions.PolarsError, OSError) as error:
            raise self._unreadable(error) from error
        return list(found.iter_rows())

    @cached_property
    def _scan(self) -> pl.LazyFrame:
        return pl.scan_parquet(
            self._path, row_index_name=_ROW, row_index_offset=1, hive_partitioning=False, glob=False
        )

    @cached_property
    def _columns(self) -> dict[str, str]:
        """Name in the feed's contract -> name in the file."""
        try:
            names = [name for name in self._scan.collect_schema().names() if name != _ROW]
        except (pl.exceptions.PolarsError, OSError) as error:
            raise self._unreadable(error) from error
        spelt = zip(names, header(names, self._path.name), strict=True)
        return {column: name for name, column in spelt if column in COLUMNS}

    def _unreadable(self, error: Exception) -> FeedError:
        return FeedError(
            f"feed file {self._path.name!r} is not readable Parquet: {error}", fix="write the file again"
        )


Sheet = CsvSheet | ParquetSheet


def open_sheet(path: Path) -> Sheet:
    """Return a feed file's sheet; nothing is read yet."""
    return ParquetSheet(path) if path.suffix.lower() == ".parquet" else CsvSheet(path)


def raw_rows(sheet: pl.DataFrame) -> Iterable[RawRow]:
    """Yield the rows of a SHEET frame."""
    for row in sheet.iter_rows(named=True):
        cells = {name: row[name] for name in COLUMNS}
        yield RawRow(row["file"], row["row"], cells, row["fault"], row["detail"])


def typed_sheet(file: str, rows: pl.Series, own: Mapping[str, pl.Series]) -> pl.DataFrame:
    """Return the rows of a typed file or table as SHEET.

    Args:
        file: what rejects call it.
        rows: row numbers, from one.
        own: column of the contract -> its values; a column without any is empty.
    """
    form = {"file": file, "row": rows.cast(pl.Int64), "fault": "", "detail": ""}
    columns = {**form, **{name: _texts(own[name]) if name in own else "" for name in COLUMNS}}
    return rows.to_frame().select(pl.lit(columns[name], dtype).alias(name) for name, dtype in SHEET.items())


def _frame(rows: Sequence[RawRow]) -> pl.DataFrame:
    form = {name: [getattr(raw, name) for raw in rows] for name in FORM}
    return pl.DataFrame({**form, **{c: [raw.cells[c] for raw in rows] for c in COLUMNS}}, schema=SHEET)


def _texts(values: pl.Series) -> pl.Series:
    """Return a column's values as `as_text` writes them."""
    if isinstance(values.dtype, pl.String | pl.Categorical | pl.Enum):
        return values.cast(pl.String).fill_null("")
    return pl.Series([as_text(value) for value in values.to_list()], dtype=pl.String)
