"""The ledger's transactions, on SQLite or Postgres: pooled, exclusive where that matters, faults in words."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Lock

import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionError
from sqlalchemy.orm import Session

from plateful.errors import ConfigError, StoreError
from plateful.ledger import postgres, sqlite

# Waits between tries, in seconds: 12.7 s in all, in which a server restarts or its standby takes over.
WAITS = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4)


class UndoneError(StoreError):
    """A transaction ended without a trace and by no fault of its own; it may be done again."""


class UnknownOutcomeError(StoreError):
    """The connection broke while a transaction was committed: it may have been, or not."""


class Database:
    """Sessions on the ledger's engine.

    Args:
        url: SQLAlchemy URL, `sqlite:////state/ledger.db` or `postgresql+psycopg2://user@host/name`.
        password: of Postgres' user.
        sleep: waits that many seconds before a server is tried again.

    Raises:
        ConfigError: not a URL of one of the two.
    """

    def __init__(
        self, url: str, password: str | None = None, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.url = _parsed(url)
        self.sleep = sleep
        self._writer = Lock()
        self.engine = (
            sqlite.sqlite_engine(self.url) if self.is_sqlite else postgres.postgres_engine(self.url, password)
        )

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded default."""
        return self.url.get_backend_name() == "sqlite"

    @contextmanager
    def writing(self, lock: str | None = None) -> Iterator[Session]:
        """Open a transaction that commits at the end.

        On SQLite it holds the one write lock from its start. On Postgres it sees what others committed by
        each of its statements, and excludes others by the rows it locks and by the lock that is named.

        Args:
            lock: of two transactions with this name, the second starts when the first has ended.

        Raises:
            StoreError: locked for too long, disk full, not migrated, or the server is away.
        """
        with self._turn(), self._session(self.engine.execution_options(writes=True)) as session:
            if lock is not None and not self.is_sqlite:
                postgres.lock(session, lock)
            yield session
            session.flush()
            with self._faults(committing=True):
                session.commit()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a view of one moment; never waits for a writer.

        Raises:
            StoreError: not migrated, not a database, or the server is away.
        """
        how = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with self._session(self.engine.execution_options(**how)) as session:
            yield session

    @contextmanager
    def migrating(self) -> Iterator[sa.Connection]:
        """Open a transaction for changing tables, as a bare connection; others that do so wait."""
        with self.writing(lock="migrations") as session:
            yield session.connection()

    def _turn(self) -> AbstractContextManager:
        """Queue SQLite's writers of this process: it lets them poll, unfairly, each with a connection."""
        return self._writer if self.is_sqlite else nullcontext()

    @contextmanager
    def _session(self, engine: sa.Engine) -> Iterator[Session]:
        with self._faults(), Session(engine, expire_on_commit=False) as session:
            self._connect(session)
            yield session

    def _connect(self, session: Session) -> None:
        """Begin on a connection that works, waiting for a server that is away for a moment."""
        for wait in () if self.is_sqlite else WAITS:
            try:
                session.connection()
                return
            except DBAPIError as fault:
                if not postgres.left_nothing(fault):
                    raise
                session.rollback()
                self.sleep(wait)
        try:
            session.connection()
        except DBAPIError as fault:
            raise self._fault(fault) from fault

    @contextmanager
    def _faults(self, *, committing: bool = False) -> Iterator[None]:
        try:
            yield
        except DBAPIError as fault:
            raise self._fault(fault, self._kind(fault, committing)) from fault
        except NoConnectionError as fault:
            raise StoreError(f"ledger {self}: no connection is free", fix=sqlite.BUSY) from fault

    def _kind(self, fault: DBAPIError, committing: bool) -> type[StoreError]:
        if self.is_sqlite or not postgres.left_nothing(fault):
            return StoreError
        # A transaction that the server refused for another's sake was not committed, whenever it says so.
        if committing and not postgres.lost_to_another(fault):
            return UnknownOutcomeError
        return UndoneError

    def _fault(self, fault: DBAPIError, kind: type[StoreError] = StoreError) -> StoreError:
        fix = sqlite.fix_for(fault) if self.is_sqlite else postgres.fix_for(fault)
        if kind is UnknownOutcomeError:
            fix = f"look whether it was recorded before you repeat it; {fix}"
        return kind(f"ledger {self}: {' '.join(str(fault.orig).split())}", fix=fix)

    def __str__(self) -> str:
        return self.url.render_as_string(hide_password=True)


def _parsed(url: str) -> sa.URL:
    try:
        parsed = make_url(url)
    except ArgumentError as fault:
        raise ConfigError(
            f"ledger URL {url!r} is not a database URL",
            fix="use sqlite:///<path> or postgresql+psycopg2://user@host/name",
        ) from fault
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite", "postgresql+psycopg2"):
        raise ConfigError(
            f"ledger URL is of {parsed.drivername!r}",
            fix="use sqlite:///<path> or postgresql+psycopg2://user@host/name",
        )
    return parsed
