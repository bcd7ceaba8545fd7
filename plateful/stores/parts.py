"""Part logs: append-only Parquet parts that shards write while they work, read as one table.

A part is named `<order>-<content hash>.parquet`, so that appending the same rows twice leaves one part and
readers see parts in the order of writing. Rows are unique on the table's key and its scorer or judge version;
the first wins. Of a candidate's rows the last rendered one wins, as it tells of the file that is stored: the
candidate may have been quarantined before, or its picture lost and rendered again.
"""

import hashlib
import io

import polars as pl

from plateful.errors import StoreError
from plateful.stores import objects
from plateful.stores.objects import StorePath
from plateful.tables import (
    GENERATED_CANDIDATES,
    JUDGE_VERDICTS,
    QUALITY_SCORES,
    SAFETY_SCORES,
    TRANSLATIONS,
    Table,
)

LOGS = {
    t.name: t for t in (GENERATED_CANDIDATES, SAFETY_SCORES, QUALITY_SCORES, JUDGE_VERDICTS, TRANSLATIONS)
}
_VERSIONS = ("scorer_version", "judge_version")
# A compaction between listing and reading removes parts; it cannot do so many times in a row.
_READ_ATTEMPTS = 10


def log_table(log: str) -> Table:
    """Return the schema of a part log.

    Raises:
        StoreError: no such log.
    """
    if log not in LOGS:
        raise StoreError(f"part log {log!r} does not exist", fix=f"use one of {sorted(LOGS)}")
    return LOGS[log]


def unique_key(table: Table) -> list[str]:
    """Return the columns on which a log's rows are unique."""
    return [*table.key, *(name for name in _VERSIONS if name in table.columns)]


def append(folder: StorePath, table: Table, frame: pl.DataFrame) -> None:
    """Add rows as one part; rows that are already there as a part are not added again.

    Raises:
        StoreError: wrong columns, or disk full.
    """
    frame = table.frame(frame)
    if frame.is_empty():
        return
    names = _names(folder)
    order = 1 + max((_order(name) for name in names), default=0)
    _write(folder, frame, order, names)


def read(folder: StorePath, table: Table) -> pl.DataFrame:
    """Return all rows, deduplicated; empty when nothing was ever appended.

    Raises:
        StoreError: a part cannot be read or has other columns.
    """
    for _ in range(_READ_ATTEMPTS):
        try:
            return _merge(folder, table, _names(folder))
        except FileNotFoundError:
            continue
    raise StoreError(
        f"parts in {folder} keep changing", fix="wait for the other run to finish, then run again"
    )


def compact(folder: StorePath, table: Table) -> None:
    """Put all parts into one, which is written before the old ones go; parts added meanwhile stay.

    A kill in between leaves rows twice, which `read` and the next compaction drop.

    Raises:
        StoreError: a part cannot be read, or disk full.
    """
    names = _names(folder)
    if len(names) < 2:
        return
    try:
        merged = _merge(folder, table, names)
    except FileNotFoundError:
        return  # another compaction is at work on the same parts
    kept = _write(folder, merged, _order(names[0]), names)
    for name in names:
        if name != kept:
            (folder / name).unlink(missing_ok=True)


def parquet_bytes(frame: pl.DataFrame) -> bytes:
    """Encode a frame as one Parquet file."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd")
    return buffer.getvalue()


def parquet_frame(content: bytes, table: Table, path: StorePath) -> pl.DataFrame:
    """Decode a Parquet file written for a table.

    Raises:
        StoreError: not Parquet, or columns that are neither the table's nor those it had before.
    """
    try:
        stored = pl.read_parquet(io.BytesIO(content), hive_partitioning=False)
        return table.frame(table.upgraded(stored))
    except pl.exceptions.PolarsError as fault:
        raise StoreError(
            f"{path} cannot be read: {fault}", fix="delete the file and materialize again"
        ) from fault


def _names(folder: StorePath) -> list[str]:
    return [n for n in objects.names(folder) if n.endswith(".parquet") and not n.startswith(".")]


def _order(name: str) -> int:
    return int(name.split("-", 1)[0])


def _write(folder: StorePath, frame: pl.DataFrame, order: int, names: list[str]) -> str:
    """Write a part unless one of these names holds the same bytes; return the name that holds them."""
    content = parquet_bytes(frame)
    digest = hashlib.sha256(content).hexdigest()[:32]
    for name in names:
        if name.endswith(f"-{digest}.parquet"):
            return name
    name = f"{order:010d}-{digest}.parquet"
    objects.put_if_absent(folder / name, content)
    return name


def _merge(folder: StorePath, table: Table, names: list[str]) -> pl.DataFrame:
    frames = [parquet_frame((folder / name).read_bytes(), table, folder / name) for name in names]
    rows = pl.concat([table.empty(), *frames])
    if table is not GENERATED_CANDIDATES:
        return rows.unique(unique_key(table), keep="first", maintain_order=True)
    rows = rows.sort(pl.col("status") == "ok", maintain_order=True)
    return rows.unique(unique_key(table), keep="last", maintain_order=True)
