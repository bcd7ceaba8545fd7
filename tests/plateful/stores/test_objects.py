"""Bytes on disk: one winner per name, no half files, plain errors."""

import os
import resource
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from upath import UPath

from plateful.errors import StoreError
from plateful.stores import objects
from plateful.stores.s3 import S3Options


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@contextmanager
def file_size_limit(size: Any) -> Iterator[Any]:
    """What a full disk does, by the kernel: no file of this process may grow beyond `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Any]:
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    mount = tmp_path / "small"
    mount.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(mount)], check=False)
    if done.returncode != 0:
        pytest.skip("this machine does not let root mount a tmpfs")
    yield mount
    subprocess.run(["umount", str(mount)], check=True)


def test_of_racing_writers_one_wins_and_its_bytes_stay(tmp_path: Path) -> None:
    path = objects.root_path(str(tmp_path)) / "a" / "b.bin"
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda n: objects.put_if_absent(path, bytes([n]) * 1000), range(32)))
    assert won.count(True) == 1
    assert path.read_bytes() == bytes([won.index(True)]) * 1000
    assert names(tmp_path / "a") == ["b.bin"]


@pytest.mark.parametrize("write", [objects.put_if_absent, objects.replace])
def test_a_file_size_limit_is_a_store_error_and_leaves_nothing(tmp_path: Path, write: Any) -> None:
    path = objects.root_path(str(tmp_path)) / "big.bin"
    with file_size_limit(1000), pytest.raises(StoreError, match="disk full"):
        write(path, b"x" * 5000)
    assert names(tmp_path) == []


def test_a_full_disk_keeps_the_old_object_and_leaves_no_partial_one(small_disk: Path) -> None:
    root = objects.root_path(str(small_disk))
    objects.replace(root / "table", b"old")
    with pytest.raises(StoreError, match="disk full") as caught:
        objects.replace(root / "table", b"n" * 100_000)
    assert "free space" in caught.value.fix
    with pytest.raises(StoreError, match="disk full"):
        objects.put_if_absent(root / "image", b"n" * 100_000)
    assert names(small_disk) == ["table"]
    assert (root / "table").read_bytes() == b"old"
    assert objects.put_if_absent(root / "image", b"fits")


def test_a_folder_that_cannot_be_made_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "taken").write_bytes(b"")
    with pytest.raises(StoreError, match="cannot write"):
        objects.put_if_absent(objects.root_path(str(tmp_path)) / "taken" / "x", b"1")


@pytest.mark.parametrize(
    "relative", ["", "/etc/passwd", "../x", "a/../../x", "a//b", "a\\..\\b", ".", ".tmp-1"]
)
def test_paths_cannot_leave_the_root(tmp_path: Path, relative: Any) -> None:
    with pytest.raises(StoreError, match="not a plain path"):
        objects.inside(objects.root_path(str(tmp_path)), relative)


@pytest.mark.parametrize("kind", ["memory", "s3"])
def test_a_remote_root_works_alike(kind: str, request: pytest.FixtureRequest) -> None:
    root = objects.root_path("memory://plateful-objects")
    if kind == "s3":
        server = request.getfixturevalue("s3")
        options = S3Options(server.endpoint, server.region)
        root = objects.root_path(request.getfixturevalue("s3_prefix"), options)
    assert objects.put_if_absent(root / "k" / "v", b"1")
    assert not objects.put_if_absent(root / "k" / "v", b"2")
    assert objects.read(root / "k" / "v") == b"1"
    objects.replace(root / "k" / "v", b"3")
    assert objects.read(root / "k" / "v") == b"3"
    with pytest.raises(StoreError, match="not in the store"):
        objects.read(root / "none")


def test_a_file_url_is_a_local_root(tmp_path: Path) -> None:
    assert objects.root_path(f"file://{tmp_path}") == UPath(tmp_path)
