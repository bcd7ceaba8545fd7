"""Writing bytes so that a kill or a full disk never leaves half a file under a final name.

Local folders get temp file + fsync + link or rename. S3 commits one object per PUT, so nothing half-written
can appear there either.
"""

import errno
import os
import shutil
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from upath import UPath

from plateful.errors import StoreError
from plateful.stores.s3 import DEFAULT_OPTIONS, S3Options
from plateful.stores.s3_path import S3Path

StorePath = UPath | S3Path
# EFBIG is what a quota by file-size limit answers.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# SQLite reports a full disk as its own, or, where the log beside a database cannot grow, as an I/O error.
_SQLITE_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
TEMP_PREFIX = ".tmp-"


def root_path(root: str, options: S3Options = DEFAULT_OPTIONS) -> StorePath:
    """Return the root of a store: an absolute local path, or a remote one (s3://bucket/prefix)."""
    if root.startswith("s3://"):
        return S3Path.of(root, options)
    path = UPath(root)
    return UPath(Path(path.path).absolute()) if path.protocol in ("", "file", "local") else path


def inside(root: StorePath, relative: str) -> StorePath:
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


def put_if_absent(path: StorePath, content: bytes) -> bool:
    """Write an object unless one is there; of any number of racing writers exactly one gets True.

    Raises:
        StoreError: disk full, the file system has no hard links, or S3 refused.
    """
    if isinstance(path, S3Path):
        return path.put_if_absent(content)
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


def replace(path: StorePath, content: bytes) -> None:
    """Write an object, taking the place of the old one at once.

    Raises:
        StoreError: disk full, or S3 refused; the old object is then still there.
    """
    with _disk_faults(path):
        if not isinstance(path, Path):
            path.write_bytes(content)
            return
        with _temp_beside(path, content) as temp:
            os.replace(temp, path)


def read(path: StorePath) -> bytes:
    """Return an object's bytes.

    Raises:
        StoreError: there is none, or S3 refused.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError as fault:
        raise StoreError(
            f"object {path} is not in the store", fix="run the step that writes it again"
        ) from fault


def is_object(path: StorePath) -> bool:
    """Return whether an object is there."""
    return path.is_object() if isinstance(path, S3Path) else path.is_file()


def names(folder: StorePath) -> list[str]:
    """Return the names of what lies directly below a folder, sorted; none when it is absent."""
    if not isinstance(folder, S3Path) and not folder.exists():
        return []
    return sorted(path.name for path in folder.iterdir())


def stamps(folder: StorePath) -> dict[str, str]:
    """Return, for every object below a folder, its path from there and what changes with its content."""
    if isinstance(folder, S3Path):
        return folder.stamps()
    files = [path for path in folder.rglob("*") if path.is_file()] if folder.exists() else []
    states = {path: path.stat() for path in files}
    return {
        path.relative_to(folder).as_posix(): f"{state.st_mtime_ns} {state.st_ino} {state.st_size}"
        for path, state in states.items()
    }


def remove_below(folder: StorePath) -> None:
    """Remove every object below a folder; nothing happens where there is none."""
    if not isinstance(folder, S3Path):
        shutil.rmtree(str(folder), ignore_errors=True)
        return
    for name in folder.stamps():
        folder.joinpath(*name.split("/")).unlink(missing_ok=True)


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
def _disk_faults(path: StorePath) -> Iterator[None]:
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
