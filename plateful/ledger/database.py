"""The ledger's connections: WAL, a busy timeout, one writer at a time, and errors a user can act on."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionError
from sqlalchemy.orm import Session

from plateful.errors import ConfigError, StoreError

# Longer than any write of ours (some ms), shorter than a person's patience.
BUSY_TIMEOUT_MS = 30_000
_BUSY = "another process writes for too long; let it finish, then run again"


class Database:
    """Sessions on the ledger's engine.

    Args:
        url: SQLAlchemy URL, e.g. `sqlite:////state/ledger.db`; the file's folder is made.

    Raises:
        ConfigError: not a URL.
    """

    def __init__(self, url: str) -> None:
        try:
            self.url = make_url(url)
        except ArgumentError as fault:
            raise ConfigError(
                f"ledger URL {url!r} is not a database URL", fix="use sqlite:///<path>"
            ) from fault
        if self.is_sqlite and self.url.database:
            Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
        self._writer = Lock()
        self.engine = sa.create_engine(self.url)
        if self.is_sqlite:
            event.listen(self.engine, "connect", _set_pragmas)
            event.listen(self.engine, "begin", _begin)

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded default."""
        return self.url.get_backend_name() == "sqlite"

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Open a transaction that holds the write lock from its start and commits at the end.

        Raises:
            StoreError: locked for too long, disk full, or not migrated.
        """
        writing = self.engine.execution_options(writes=True)
        with self._turn(), self._session(writing) as session, session.begin():
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a consistent view; never waits for a writer.

        Raises:
            StoreError: not migrated, or not a database.
        """
        with self._session(self.engine) as session:
            yield session

    @contextmanager
    def connection(self) -> Iterator[sa.Connection]:
        """Open a writing transaction as a bare connection, for migrations."""
        writing = self.engine.execution_options(writes=True)
        with self._turn(), self._faults(), writing.begin() as connection:
            yield connection

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Queue SQLite's writers of this process: it lets them poll, unfairly, each with a connection."""
        if not self.is_sqlite:
            yield
            return
        with self._writer:
            yield

    @contextmanager
    def _session(self, engine: sa.Engine) -> Iterator[Session]:
        with self._faults(), Session(engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as fault:
            raise self._fault(str(fault.orig), _fix(fault)) from fault
        except NoConnectionError as fault:
            raise self._fault("no connection is free", _BUSY) from fault

    def _fault(self, what: str, fix: str) -> StoreError:
        return StoreError(f"ledger {self.url.render_as_string(hide_password=True)}: {what}", fix=fix)


def _fix(fault: DBAPIError) -> str:
    text = str(fault.orig)
    if isinstance(fault, OperationalError):
        if "no such table" in text:
            return "call Ledger.migrate() first"
        if "locked" in text:
            return _BUSY
        if "full" in text or "disk I/O" in text:
            return "the disk is full: free space and run again; what was committed is kept"
    return "check that the URL points to Plateful's own ledger"


def _set_pragmas(connection, _record) -> None:  # noqa: ANN001 - the driver's own types
    # Autocommit mode: transactions are begun by `_begin`, not by the driver's guess.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    # Decisions and publications must survive a power cut, so commits reach the disk.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()


def _begin(connection: sa.Connection) -> None:
    # IMMEDIATE: a transaction that reads first and writes later would else fail instead of waiting.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
