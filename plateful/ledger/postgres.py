"""Postgres under the ledger: its engine, its locks, and which of its faults leave nothing behind."""

import os
import weakref

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

CONNECT_SECONDS = 10
# A country's run uses one connection and its lease's renewal another; 60 processes stay below a server's
# usual 100 connections when idle, and a burst waits for its turn.
POOL_SIZE, POOL_OVERFLOW, POOL_SECONDS = 1, 4, 60
# Balancers and firewalls forget connections that are silent for longer than this.
RECYCLE_SECONDS = 300
# A lock is held for milliseconds; who holds one that long is stuck, or cut off without the server knowing.
_OPTIONS = "-c timezone=UTC -c lock_timeout=30s -c idle_in_transaction_session_timeout=60s"
_KEEPALIVE = {"keepalives": 1, "keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3}
# SQLSTATEs after which nothing was done: serialization failure, deadlock, lock timeout; the server stops,
# starts or has no connection left.
UNDONE = frozenset({"40001", "40P01", "57P01", "57P02", "57P03", "53300"})
_COMES_BACK = (
    "refused", "starting up", "shutting down", "closed the connection", "terminating connection", "timeout",
    "in recovery", "connection has been closed", "too many clients", "reset by peer", "not yet accepting",
    "no route to host", "could not receive data", "server didn't return",
)  # fmt: skip
_FIXES = {
    "42P01": "call Ledger.migrate() first",
    "55P03": "another process writes for too long; let it finish, then run again",
    "53100": "the server's disk is full: free space there and run again; what was committed is kept",
    "28P01": "correct PLATEFUL_LEDGER_PASSWORD or the user in PLATEFUL_LEDGER_URL",
    "3D000": "create the database, or correct its name in PLATEFUL_LEDGER_URL",
    "42501": "grant the ledger's user the right to create and change its tables",
}
_open: "weakref.WeakSet[sa.Engine]" = weakref.WeakSet()


def postgres_engine(url: sa.URL, password: str | None) -> sa.Engine:
    """Return a pooled engine whose connections are tried before use; opens none yet.

    Args:
        url: without its password, so that whoever prints it prints no secret.
        password: of its user; None = as the URL, PGPASSWORD or ~/.pgpass say.
    """
    engine = sa.create_engine(
        url.set(password=password) if password is not None else url,
        pool_pre_ping=True,
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW,
        pool_timeout=POOL_SECONDS,
        pool_recycle=RECYCLE_SECONDS,
        hide_parameters=True,
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "application_name": "plateful",
            "options": _OPTIONS,
            **_KEEPALIVE,
        },
    )
    _open.add(engine)
    return engine


def _forget_connections() -> None:
    """A forked child must not speak on its parent's connections, nor close them."""
    for engine in list(_open):
        engine.dispose(close=False)


os.register_at_fork(after_in_child=_forget_connections)


def lock(session: Session | sa.Connection, name: str) -> None:
    """Wait for the lock of that name and hold it until the transaction ends."""
    session.execute(sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name})


def left_nothing(fault: DBAPIError) -> bool:
    """Return whether a statement that failed so was undone with its transaction, and may work again."""
    if sqlstate(fault) in UNDONE or fault.connection_invalidated:
        return True
    return not sqlstate(fault) and any(text in str(fault.orig).lower() for text in _COMES_BACK)


def lost_to_another(fault: DBAPIError) -> bool:
    """Return whether the server undid a transaction for the sake of one beside it."""
    return sqlstate(fault) in ("40001", "40P01")


def fix_for(fault: DBAPIError) -> str:
    """Return what a person can do about a fault."""
    text = str(fault.orig)
    if left_nothing(fault):
        return (
            "check that the ledger's server runs and is reachable, then run again; what was committed is kept"
        )
    if "password authentication failed" in text:
        return _FIXES["28P01"]
    if "database" in text and "does not exist" in text:
        return _FIXES["3D000"]
    return _FIXES.get(sqlstate(fault) or "", "check that the URL points to Plateful's own ledger")


def sqlstate(fault: DBAPIError) -> str | None:
    """Return the server's five-letter code of a fault; None when the server said nothing."""
    return getattr(fault.orig, "pgcode", None)
