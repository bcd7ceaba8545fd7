"""Writing bytes so that a kill or a full disk never leaves half a file under a final name.

Local folders get temp file + fsync + link or rename. Object stores (s3://) commit one object per PUT, so
nothing half-written can appear there either.
"""

import errno
import os
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from upath import UPath

from plateful.errors import StoreError

# EFBIG is what a quota by file-size limit answers.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# SQLite reports a full disk as its own, or, where the log beside a database cannot grow, as an I/O error.
_SQLITE_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
TEMP_PREFIX = ".tmp-"


def root_path(root: str) -> UPath:
    """Return the root of a store: an absolute local path, or a remote one (s3://bucket/prefix)."""
    path = UPath(root)
    return UPath(Path(path.path).absolute()) if path.protocol in ("", "file", "local") else path


def inside(root: UPath, relative: str) -> UPath:
    """Join a relative path to a root.

    Raises:
        StoreError: the path is empty, absolute, or steps out of the root.
    """
    parts = relative.split("/")
    if any(part in ("", ".", "..") or part.startswith(TEMP_PREFIX) for part in parts) or "\\" in relative:
        raise StoreError(
            f"object path {relative!r} is not a plain path below the store",
            fix="give folder/name parts without ..",
        )
    return root.joinpath(*parts)


def put_if_absent(path: UPath, content: bytes) -> bool:
    """Write an object unless one is there; of any number of racing local writers exactly one gets True.

    Remote stores look before they write: two writers racing there may both get True, which is harmless
    because a path decides its content (candidate id, digest or image id).

    Raises:
        StoreError: disk full, or the file system has no hard links.
    """
    if path.exists():
        return False
    with _disk_faults(path):
        if not isinstance(path, Path):
            path.write_bytes(content)
            return True
        with _temp_beside(path, content) as temp:
            try:
                os.link(temp, path)
            except FileExistsError:
                return False
        return True


def replace(path: UPath, content: bytes) -> None:
    """Write an object, taking the place of the old one at once.

    Raises:
        StoreError: disk full; the old object is then still there.
    """
    with _disk_faults(path):
        if not isinstance(path, Path):
            path.write_bytes(content)
            return
        with _temp_beside(path, content) as temp:
            os.replace(temp, path)


def read(path: UPath) -> bytes:
    """Return an object's bytes.

    Raises:
        StoreError: there is none.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError as fault:
        raise StoreError(
            f"object {path} is not in the store", fix="run the step that writes it again"
        ) from fault


@contextmanager
def _temp_beside(path: Path, content: bytes) -> Iterator[Path]:
    """Write content to a temporary name in the same folder; remove it afterwards, whatever happened."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temp = Path(path.parent) / f"{TEMP_PREFIX}{uuid.uuid4().hex}"
    try:
        # Unbuffered: what a full disk refuses must fail here, not when an ignored close flushes it.
        with open(temp, "xb", buffering=0) as file:
            view = memoryview(content)
            while view:
                view = view[file.write(view) :]
            os.fsync(file.fileno())
        yield temp
    finally:
        temp.unlink(missing_ok=True)


def disk_is_full(error: BaseException | None) -> bool:
    """Return whether a full disk or an exhausted quota is behind an error."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        if isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF in _SQLITE_FULL:
            return True
        error = error.__cause__ or error.__context__
    return False


@contextmanager
def _disk_faults(path: UPath) -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        if fault.errno in _FULL:
            raise StoreError(
                f"cannot write {path}: disk full ({fault.strerror})",
                fix="free space and run again; everything already written is kept",
            ) from fault
        raise StoreError(
            f"cannot write {path}: {fault}",
            fix="check the folder's permissions and that it supports hard links",
        ) from fault
