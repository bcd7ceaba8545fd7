"""SQLite under the ledger: WAL, a busy timeout, and transactions that hold the write lock from the start."""

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, OperationalError

# Longer than any write of ours (some ms), shorter than a person's patience.
BUSY_TIMEOUT_MS = 30_000
BUSY = "another process writes for too long; let it finish, then run again"


def sqlite_engine(url: sa.URL) -> sa.Engine:
    """Return an engine on a file, whose folder is made."""
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url)
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin)
    return engine


def fix_for(fault: DBAPIError) -> str:
    """Return what a person can do about a fault."""
    text = str(fault.orig)
    if isinstance(fault, OperationalError):
        if "no such table" in text:
            return "call Ledger.migrate() first"
        if "locked" in text:
            return BUSY
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
