"""The warehouse on Snowflake: one MERGE per batch, guarded by version.

Snowflake enforces no primary key. What keeps an image to one row is that the MERGE matches on image_id, that
a batch holds an image once, and that a country has one writer (its lease). The batch travels as one JSON
parameter, so a MERGE is one statement that commits by itself: there is no open transaction in which a session
could be lost. A reply that is lost is asked for again, and the version guard makes the second MERGE nothing.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import polars as pl

from plateful.errors import StoreError
from plateful.identity import canonical_json
from plateful.stores.snowflake_session import SnowflakeAccess
from plateful.stores.warehouse import Warehouse
from plateful.tables import PUBLISHED_IMAGES, TIME

if TYPE_CHECKING:
    from snowflake.connector.cursor import SnowflakeCursor
    from snowflake.connector.errors import Error

T = TypeVar("T")
TABLE = PUBLISHED_IMAGES.name
# About 1 MB of JSON; a parameter may have 16 MB.
MERGE_ROWS = 2_000
# Object does not exist or the role may not see it: Snowflake does not tell which.
_ABSENT = 2003
_TYPES = {pl.String: "VARCHAR", pl.Int64: "NUMBER(38, 0)", TIME: "TIMESTAMP_TZ(6)"}
_COLUMNS = {name: _TYPES[dtype] for name, dtype in PUBLISHED_IMAGES.schema.items()}
_CHANGED = [name for name in _COLUMNS if name not in PUBLISHED_IMAGES.key]
_CREATE = "CREATE TABLE IF NOT EXISTS {table} (" + ", ".join(f"{n} {t}" for n, t in _COLUMNS.items()) + ")"
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM {{table}} WHERE country = ?"  # noqa: S608 - a checked name
_MERGE = f"""
MERGE INTO {{table}} AS stored USING (
  SELECT {", ".join(f"item.value:{name}::{kind} AS {name}" for name, kind in _COLUMNS.items())}
  FROM (SELECT PARSE_JSON(?) AS doc) AS batch, LATERAL FLATTEN(INPUT => batch.doc) AS item
) AS incoming ON stored.image_id = incoming.image_id
WHEN MATCHED AND incoming.version > stored.version THEN
  UPDATE SET {", ".join(f"{name} = incoming.{name}" for name in _CHANGED)}
WHEN NOT MATCHED THEN
  INSERT ({", ".join(_COLUMNS)}) VALUES ({", ".join(f"incoming.{name}" for name in _COLUMNS)})
"""  # noqa: S608 - a checked name; values are parameters


class SnowflakeWarehouse(Warehouse):
    """Published images in a Snowflake table.

    Args:
        access: who connects where; the table lies in its database and schema.
        sleep: waits that many seconds.

    Raises:
        ConfigError: database or schema is not a plain name.
    """

    def __init__(self, access: SnowflakeAccess, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.access = access
        self._sleep = sleep
        self._table = access.table(TABLE)

    def merge_published(self, frame: pl.DataFrame) -> int:
        """Apply rows in one guarded MERGE per MERGE_ROWS; see `Warehouse`.

        The rows of a MERGE whose reply was lost do not count as changed by the one after it.
        """
        frame = PUBLISHED_IMAGES.frame(frame)
        if frame["image_id"].is_duplicated().any():
            twice = frame.filter(pl.col("image_id").is_duplicated())["image_id"][0]
            raise StoreError(f"image {twice!r} comes twice in one merge", fix="merge one row per image")
        return sum(self._merge("publish", batch) for batch in frame.iter_slices(MERGE_ROWS))

    def published(self, country: str) -> pl.DataFrame:
        """Return a country's rows, empty before the first publication; see `Warehouse`."""

        def read(cursor: "SnowflakeCursor") -> pl.DataFrame:
            cursor.execute(_SELECT.format(table=self._table), (country,))
            return pl.DataFrame(pl.from_arrow(cursor.fetch_arrow_all(force_return_table=True)))

        found = self._run("publish", read)
        named = found.rename(str.lower).with_columns(pl.col("updated_at").dt.convert_time_zone("UTC"))
        return PUBLISHED_IMAGES.frame(named).sort("image_id")

    def probe(self) -> str:
        """Prove that the role may read and merge, by a MERGE of no row; see `Warehouse`."""
        self._merge("doctor", PUBLISHED_IMAGES.empty())
        return f"{self._table.replace(chr(34), '')} on {self.access.warehouse}"

    def _merge(self, purpose: str, batch: pl.DataFrame) -> int:
        times = pl.col("updated_at").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
        rows = canonical_json(batch.with_columns(times).to_dicts())

        def merge(cursor: "SnowflakeCursor") -> int:
            cursor.execute(_MERGE.format(table=self._table), (rows,))
            return sum(int(count) for count in cursor.fetchall()[0])

        return self._run(purpose, merge)

    def _run(self, purpose: str, work: "Callable[[SnowflakeCursor], T]") -> T:
        """Do work; where the table is not there yet, make it and do the work then."""
        from snowflake.connector.errors import ProgrammingError

        def with_table(cursor: "SnowflakeCursor") -> T:
            try:
                return work(cursor)
            except ProgrammingError as fault:
                if fault.errno != _ABSENT:
                    raise
                self._create(cursor, fault)
                return work(cursor)

        return self.access.run(purpose, with_table, self._sleep)

    def _create(self, cursor: "SnowflakeCursor", absent: "Error") -> None:
        from snowflake.connector.errors import ProgrammingError

        statement = _CREATE.format(table=self._table)
        try:
            cursor.execute(statement)
        except ProgrammingError as fault:
            raise StoreError(
                f"{self.access.address}: role {self.access.role} neither finds {TABLE} nor may create it "
                f"({' '.join(str(fault.msg).split())[:200]})",
                fix=f"as its owner: {statement}; GRANT SELECT, INSERT, UPDATE ON {self._table} TO ROLE "
                f"{self.access.role}",
            ) from absent
