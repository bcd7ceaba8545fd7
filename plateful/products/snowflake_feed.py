"""A feed in a Snowflake table or view: `snowflake://DATABASE.SCHEMA.TABLE`, read as Arrow by country.

Two statements do all the work. One groups the table by country as written and hashes each group's rows in the
warehouse: it says which countries there are and which have changed, and Snowflake answers it from its result
cache, at no cost, while the table has not changed. The other reads one country's rows: it names the country
as written, without a function around the column, so that micro-partitions of other countries are not read.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from plateful.errors import ConfigError, FeedError, StoreError
from plateful.identity import content_hash
from plateful.products.feed import ProductFeed
from plateful.products.sheets import country_code, typed_sheet
from plateful.products.sources import COLUMNS, header
from plateful.stores.snowflake_session import SnowflakeAccess, identifier

if TYPE_CHECKING:
    from snowflake.connector.cursor import SnowflakeCursor

SCHEME = "snowflake://"
# A sum of hashes does not depend on the order of rows; 40 bits of each leave it exact for 10**26 rows.
_MODULUS = 2**40
# Snowflake's type codes of VARIANT and ARRAY, which arrive as JSON text.
_SEMI_STRUCTURED = (5, 10)


@dataclass(frozen=True)
class _Content:
    """Rows of a country, however it is written there, and the sum of their hashes."""

    rows: int
    hashes: int


class SnowflakeFeed(ProductFeed):
    """A feed in a table or view; one instance sees each country as it is when first read.

    Args:
        path: `snowflake://DATABASE.SCHEMA.TABLE`.
        access: who reads, and on which warehouse.

    Raises:
        ConfigError: the path is malformed.
        FeedError: on reading, a required column is missing, or Snowflake refused.
    """

    def __init__(self, path: str, access: SnowflakeAccess) -> None:
        self.path = path
        self._access = access
        self._table = _table(path)
        self._read: dict[str, pl.DataFrame] = {}

    @property
    def root(self) -> None:
        """None: a table has no folder."""
        return None

    def state(self) -> str:
        """Hash all countries' contents; see `ProductFeed`."""
        return content_hash(sorted([repr(name), c.rows, c.hashes] for name, c in self._contents.items()))

    def countries(self) -> list[str]:
        """Codes of the countries that have rows, sorted."""
        return sorted({code for name in self._contents if (code := country_code(name or ""))})

    def rows_in(self, country: str) -> int:
        """Count a country's rows, in the warehouse unless they are read already."""
        return self._content(country).rows

    def content_hash(self, country: str) -> str:
        """Hash a country's rows, in the warehouse unless they are read already: then what was read counts."""
        content = self._content(country)
        return content_hash([sorted(self._columns), content.rows, content.hashes])

    def _content(self, country: str) -> _Content:
        if country in self._read:
            hashes = self._read[country]["content"]
            return _Content(hashes.len(), sum(map(int, hashes)))
        found = [content for name, content in self._contents.items() if country_code(name or "") == country]
        return _Content(sum(one.rows for one in found), sum(one.hashes for one in found))

    def _sheet(self, country: str) -> pl.DataFrame:
        if country not in self._read:
            self._read[country] = self._fetch(country)
        frame = self._read[country].drop("content")
        numbers = pl.Series(range(1, frame.height + 1), dtype=pl.Int64)
        return typed_sheet(self.path, numbers, frame.to_dict())

    def _fetch(self, country: str) -> pl.DataFrame:
        """Return a country's rows by id, of equal ids the newest first: a table has no order of its own."""
        where, values = self._where(country)
        columns = ", ".join(f"{column} AS {name}" for name, (column, _) in self._columns.items())
        text = f"SELECT {columns}, {self._hash()} AS content FROM {self._table} WHERE {where}"  # noqa: S608
        frame = self._ask(text, values)
        for name, (_, code) in self._columns.items():
            if code in _SEMI_STRUCTURED:
                frame = frame.with_columns(pl.col(name).map_elements(_joined, return_dtype=pl.String))
        newest = ["updated_at"] if "updated_at" in frame.columns else []
        order = ["product_id", *newest, "content"]
        return frame.sort(order, descending=[False, *(True for _ in newest), False], nulls_last=True)

    def _where(self, country: str) -> tuple[str, list[str]]:
        """Return the condition for a country, or for the rows without a valid one (empty string)."""
        column = self._columns["country"][0]
        if country:
            values = [name for name in self._contents if name is not None and country_code(name) == country]
            marks = ", ".join("?" * len(values)) or "NULL"
            return f"{column} IN ({marks})", values
        values = [name for name in self._contents if name is not None and country_code(name)]
        if not values:
            return "TRUE", []
        return f"{column} IS NULL OR {column} NOT IN ({', '.join('?' * len(values))})", values

    @cached_property
    def _contents(self) -> dict[str | None, _Content]:
        """Country as written -> its content."""
        column = self._columns["country"][0]
        frame = self._ask(
            f"SELECT {column} AS written, COUNT(*) AS row_count, "  # noqa: S608 - checked names
            f"SUM({self._hash()})::NUMBER(38, 0) AS content FROM {self._table} GROUP BY {column}"
        )
        if frame.is_empty():
            raise FeedError(f"feed {self.path!r} has no rows", fix="fill the table, or name another feed")
        return {
            name: _Content(int(rows), int(content))
            for name, rows, content in frame.select("written", "row_count", "content").iter_rows()
        }

    @cached_property
    def _columns(self) -> dict[str, tuple[str, int]]:
        """Column of the feed -> the table's column as SQL, and its type code."""

        def describe(cursor: "SnowflakeCursor") -> list[Any]:
            return list(cursor.describe(f"SELECT * FROM {self._table}"))  # noqa: S608 - a checked name

        found = self._run(describe)
        names = header([column.name for column in found], self.path)
        return {
            name: (f'"{column.name.replace(chr(34), chr(34) * 2)}"', column.type_code)
            for name, column in zip(names, found, strict=True)
            if name in COLUMNS
        }

    def _hash(self) -> str:
        return f"MOD(HASH({', '.join(column for column, _ in self._columns.values())}), {_MODULUS})"

    def _ask(self, statement: str, values: Sequence[str] = ()) -> pl.DataFrame:
        def read(cursor: "SnowflakeCursor") -> pl.DataFrame:
            cursor.execute(statement, tuple(values) or None)
            return pl.DataFrame(pl.from_arrow(cursor.fetch_arrow_all(force_return_table=True)))

        return self._run(read).rename(str.lower)

    def _run(self, work: Any) -> Any:  # noqa: ANN401 - what the work returns
        try:
            return self._access.run("feed", work)
        except StoreError as fault:
            raise FeedError(f"feed {self.path!r}: {fault.message}", fix=fault.fix) from fault


def _table(path: str) -> str:
    parts = path.removeprefix(SCHEME).split(".")
    if len(parts) != 3:
        raise ConfigError(
            f"feed {path[:200]!r} does not name a table", fix=f"write {SCHEME}DATABASE.SCHEMA.TABLE"
        )
    return ".".join(identifier(part, f"in feed {path[:200]!r},") for part in parts)


def _joined(text: str) -> str:
    """Return a JSON list as the feed writes lists, other JSON as it is."""
    found = json.loads(text)
    if isinstance(found, list):
        return " | ".join(str(item) for item in found if item is not None)
    return found if isinstance(found, str) else text
