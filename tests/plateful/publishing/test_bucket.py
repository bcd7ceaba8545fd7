"""The public object store."""

from pathlib import Path

import pytest

from plateful.errors import StoreError
from plateful.publishing import Bucket


def test_an_object_is_put_once(tmp_path: Path) -> None:
    bucket = Bucket(str(tmp_path), None)
    assert bucket.put("published/SG/a.webp", b"1")
    assert not bucket.put("published/SG/a.webp", b"2")
    assert bucket.get("published/SG/a.webp") == b"1"


def test_addresses(tmp_path: Path) -> None:
    assert (
        Bucket(str(tmp_path), "https://x.example/img/").url("a b.webp") == "https://x.example/img/a%20b.webp"
    )
    assert Bucket(str(tmp_path)).url("a b.webp") == f"{tmp_path.as_uri()}/a%20b.webp"
    assert Bucket("memory://bucket-test").url("k/a.webp") == "memory://bucket-test/k/a.webp"


def test_paths_stay_inside_and_absent_objects_are_named(tmp_path: Path) -> None:
    bucket = Bucket(str(tmp_path / "b"))
    with pytest.raises(StoreError, match="not a plain path"):
        bucket.put("../x", b"1")
    with pytest.raises(StoreError, match="not a plain path"):
        bucket.url("../x")
    with pytest.raises(StoreError, match=r"a\.webp is not in the store"):
        bucket.get("a.webp")
