"""The warehouse: the image URL table that other systems read, on DuckDB.

DuckDB admits no second process while a file is open, so every call opens, works and closes under a bounded
lock; nobody holds a handle.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import polars as pl

from plateful.errors import StoreError
from plateful.stores.locks import POLL_SECONDS, exclusive
from plateful.tables import PUBLISHED_IMAGES, TIME

_TYPES = {pl.String: "VARCHAR", pl.Int64: "BIGINT", TIME: "TIMESTAMPTZ"}
_CREATE = "CREATE TABLE IF NOT EXISTS published_images ({}, PRIMARY KEY (image_id))".format(
    ", ".join(f"{name} {_TYPES[dtype]}" for name, dtype in PUBLISHED_IMAGES.schema.items())
)
_MERGE = """
MERGE INTO published_images AS stored USING incoming ON stored.image_id = incoming.image_id
WHEN MATCHED AND incoming.version > stored.version THEN UPDATE SET *
WHEN NOT MATCHED THEN INSERT *
"""
_SELECT = "SELECT * FROM published_images WHERE country = ? ORDER BY image_id"


class Warehouse(ABC):
    """Where published image URLs live for other systems."""

    @abstractmethod
    def merge_published(self, frame: pl.DataFrame) -> int:
        """Apply PUBLISHED_IMAGES rows in one MERGE; a row counts only when its version is above the stored.

        Returns:
            How many rows changed.

        Raises:
            StoreError: two rows of one image, wrong columns, or the warehouse refused.
        """

    @abstractmethod
    def published(self, country: str) -> pl.DataFrame:
        """Return all PUBLISHED_IMAGES rows of a country, live and retired, by image id."""

    @abstractmethod
    def probe(self) -> str:
        """Prove that the table can be read and merged into, changing no row; return where it is.

        Raises:
            StoreError: it cannot.
        """


class DuckDBWarehouse(Warehouse):
    """Published images in one DuckDB file.

    Args:
        path: the file; its lock lies beside it as `<path>.lock`.
        lock_timeout: seconds to wait for another process.
        sleep: waits that many seconds.
    """

    def __init__(
        self, path: str | Path, lock_timeout: float = 30.0, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.path = Path(path)
        self.lock_timeout = lock_timeout
        self._sleep = sleep

    def merge_published(self, frame: pl.DataFrame) -> int:
        """Apply rows in one guarded MERGE; see `Warehouse`."""
        frame = PUBLISHED_IMAGES.frame(frame)
        if frame["image_id"].is_duplicated().any():
            twice = frame.filter(pl.col("image_id").is_duplicated())["image_id"][0]
            raise StoreError(f"image {twice!r} comes twice in one merge", fix="merge one row per image")
        if frame.is_empty():
            return 0
        with self._open() as connection:
            connection.execute("BEGIN")
            connection.execute(_CREATE)
            connection.register("incoming", frame)
            changed = connection.execute(_MERGE).fetchall()[0][0]
            connection.execute("COMMIT")
        return int(changed)

    def published(self, country: str) -> pl.DataFrame:
        """Return a country's rows, empty before the first publication; see `Warehouse`."""
        if not self.path.exists():
            return PUBLISHED_IMAGES.empty()
        with self._open() as connection:
            connection.execute(_CREATE)
            frame = pl.from_arrow(connection.sql(_SELECT, params=[country]).to_arrow_table())
        return PUBLISHED_IMAGES.frame(pl.DataFrame(frame))

    def probe(self) -> str:
        """Prove that the file opens and takes a MERGE, of no row; see `Warehouse`."""
        with self._open() as connection:
            connection.execute(_CREATE)
            connection.register("incoming", PUBLISHED_IMAGES.empty())
            connection.execute(_MERGE)
        return str(self.path)

    @contextmanager
    def _open(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the file under the lock; our own processes queue on it, foreign ones are waited for too."""
        deadline = time.monotonic() + self.lock_timeout
        lock = self.path.with_name(self.path.name + ".lock")
        with exclusive(lock, timeout=self.lock_timeout, sleep=self._sleep), _duckdb_faults(self.path):
            connection = self._connect(deadline)
            try:
                connection.execute("SET TimeZone = 'UTC'")
                yield connection
            finally:
                connection.close()

    def _connect(self, deadline: float) -> duckdb.DuckDBPyConnection:
        while True:
            try:
                return duckdb.connect(self.path)
            except duckdb.IOException as fault:
                # A shell or notebook that has the file open does not know our lock.
                if "lock" not in str(fault) or time.monotonic() >= deadline:
                    raise
            self._sleep(POLL_SECONDS)


@contextmanager
def _duckdb_faults(path: Path) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as fault:
        text = str(fault)
        if "No space left" in text or "disk quota" in text.lower():
            message, fix = (
                f"warehouse {path}: disk full",
                "free space and run again; nothing published is lost",
            )
        elif "lock" in text:
            message, fix = f"warehouse {path} is open in another program", "close it there, then run again"
        else:
            message, fix = (
                f"warehouse {path}: {text}",
                "check that the file is a DuckDB database of this version",
            )
        raise StoreError(message, fix=fix) from fault
