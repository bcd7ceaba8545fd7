"""Weights in a bucket or folder: published by digest, fetched once per node, never used when not whole."""

import json
import multiprocessing
import os
import pickle
import shutil
import struct
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from plateful.errors import ModelError, StoreAccessError, StoreError
from plateful.models.digests import DIGESTS, write_digests
from plateful.models.versions import resolve_model
from plateful.models.weight_root import RemoteWeights, part_folder, weight_root
from plateful.models.weight_store import fetch, publish, read_record
from plateful.stores.locks import exclusive
from plateful.stores.s3 import S3Options
from plateful.vision.clip import folder_digest
from tests.servers.s3 import Fault, S3Server

FORK = multiprocessing.get_context("fork")
HEADER = json.dumps({"w": {"dtype": "F16", "shape": [4], "data_offsets": [0, 8]}}).encode()
TENSORS = struct.pack("<Q", len(HEADER)) + HEADER + bytes(8)


def save(folder: Path, files: dict[str, bytes]) -> Path:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    write_digests(folder)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {"unet/w.safetensors": TENSORS, "config.json": b"{}", "clip/merges.txt": "é a".encode()}
    return save(tmp_path / "local" / "tiny", files)


@pytest.fixture
def options(s3: S3Server) -> S3Options:
    return S3Options(s3.endpoint, s3.region, attempts=3, timeout=5)


@pytest.fixture(params=["folder", "s3"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "bucket" / "tiny") if request.param == "folder" else (
        request.getfixturevalue("s3_prefix") + "/tiny"
    )  # fmt: skip


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_what_was_published_comes_back_as_it_was(
    folder: Path, uri: str, cache: Path, options: S3Options
) -> None:
    digest = publish(folder, uri, options)
    assert digest == sha256((folder / DIGESTS).read_bytes()).hexdigest()
    for asked in (None, digest):
        found = fetch(uri, asked, cache, options)
        assert found == cache / digest
        assert contents(found) == contents(folder)
    assert [path.name for path in cache.iterdir() if path.is_dir()] == [digest]


def test_publishing_again_sends_no_file(
    folder: Path, s3: S3Server, s3_prefix: str, options: S3Options
) -> None:
    publish(folder, s3_prefix, options)
    written = s3.keys("lake", s3_prefix.removeprefix("s3://lake/"))
    publish(folder, s3_prefix, options)
    assert s3.keys("lake", s3_prefix.removeprefix("s3://lake/")) == written
    assert len(written) == 3 + 2


def test_a_new_version_leaves_the_old_one_fetchable(
    folder: Path, uri: str, cache: Path, options: S3Options
) -> None:
    old, before = publish(folder, uri, options), contents(folder)
    save(folder, {"config.json": b'{"new": 1}'})
    new = publish(folder, uri, options)
    assert contents(fetch(uri, old, cache, options)) == before
    assert fetch(uri, None, cache, options).name == new != old
    assert read_record(uri, old, options).files.keys() == read_record(uri, None, options).files.keys()


def test_a_fetched_version_needs_no_bucket(folder: Path, s3: S3Server, s3_prefix: str, cache: Path) -> None:
    options = S3Options(s3.endpoint, s3.region)
    digest = publish(folder, s3_prefix, options)
    fetch(s3_prefix, digest, cache, options)
    s3.requests.clear()
    fetch(s3_prefix, digest, cache, options)
    assert s3.requests == []


def test_nothing_published_is_named(uri: str, cache: Path, options: S3Options, folder: Path) -> None:
    with pytest.raises(ModelError, match=r"no weights in .*tiny.*plateful weights push"):
        fetch(uri, None, cache, options)
    publish(folder, uri, options)
    with pytest.raises(ModelError, match="no weights of version aaaaaaaaaaaa"):
        fetch(uri, "a" * 64, cache, options)


# -- what must not be used


def damage(folder: Path, uri: str, options: S3Options, path: str, content: bytes | None) -> str:
    """Publish into a folder, then change one published file."""
    digest = publish(folder, uri, options)
    stored = Path(uri) / "files" / read_record(uri).files[path]
    stored.unlink()
    if content is not None:
        stored.write_bytes(content)
    return digest


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (TENSORS[:-3], "truncated or altered"),
        (TENSORS[:-1] + b"x", "truncated or altered"),
        (b"", "truncated or altered"),
        (None, "is absent"),
    ],
)
def test_a_truncated_altered_or_absent_file_is_named_and_never_used(
    folder: Path, tmp_path: Path, cache: Path, options: S3Options, content: bytes | None, told: str
) -> None:
    uri = str(tmp_path / "bucket")
    digest = damage(folder, uri, options, "unet/w.safetensors", content)
    for _ in range(2):
        with pytest.raises(ModelError, match=rf"'unet/w\.safetensors'.*{told}"):
            fetch(uri, digest, cache, options)
    assert [path.name for path in cache.iterdir()] == [f"{digest}.lock"], "nothing half fetched stays"
    # As the message says: delete it there, publish again.
    (Path(uri) / "files" / read_record(uri).files["unet/w.safetensors"]).unlink(missing_ok=True)
    publish(folder, uri, options)
    assert fetch(uri, digest, cache, options).name == digest


def test_a_record_that_is_not_the_one_asked_for_is_refused(
    folder: Path, tmp_path: Path, cache: Path, options: S3Options
) -> None:
    uri = str(tmp_path / "bucket")
    digest = publish(folder, uri, options)
    (Path(uri) / "versions" / f"{digest}.json").write_bytes(b"{}")
    with pytest.raises(ModelError, match="not the record that its name says"):
        fetch(uri, digest, cache, options)


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (b"[]", "not a record of files"),
        (b"{", "not a record of files"),
        (json.dumps({"../../x.json": "a" * 64}).encode(), "not a plain path"),
        (json.dumps({"/etc/x.json": "a" * 64}).encode(), "not a plain path"),
        (json.dumps({"model.bin": "a" * 64}).encode(), "refused format"),
        (json.dumps({"code.py": "a" * 64}).encode(), "refused format"),
        (json.dumps({"w.safetensors": "../x"}).encode(), "as the sha256"),
    ],
)
def test_a_record_that_lies_is_refused(tmp_path: Path, cache: Path, record: bytes, told: str) -> None:
    (tmp_path / "bucket").mkdir()
    (tmp_path / "bucket" / DIGESTS).write_bytes(record)
    with pytest.raises(ModelError, match=told):
        fetch(str(tmp_path / "bucket"), None, cache)


@pytest.mark.parametrize(
    ("path", "content", "told"),
    [
        ("w.safetensors", pickle.dumps({"a": 1}), "is not safetensors"),
        ("w.safetensors", b"PK\x03\x04" + bytes(100), "is not safetensors"),
        ("w.safetensors", TENSORS[:-1], "has 76 bytes, its header says 77"),
        ("w.safetensors", struct.pack("<Q", 2) + b"[]", "is not safetensors"),
        ("config.json", pickle.dumps({"a": 1}), "is not JSON"),
        ("merges.txt", bytes([0x80, 4, 0x95]), "is not text"),
        ("merges.txt", b"a\0b", "is not text"),
    ],
)
def test_a_pickle_by_another_name_is_refused_both_ways(
    tmp_path: Path, cache: Path, path: str, content: bytes, told: str
) -> None:
    folder = save(tmp_path / "local", {path: content})
    with pytest.raises(ModelError, match=rf"weight file '{path}' ({told})"):
        publish(folder, str(tmp_path / "refused"))
    assert not (tmp_path / "refused").exists()
    bucket, digest = tmp_path / "bucket", sha256(content).hexdigest()
    (bucket / "files").mkdir(parents=True)
    (bucket / "files" / digest).write_bytes(content)
    (bucket / DIGESTS).write_text(json.dumps({path: digest}))
    with pytest.raises(ModelError, match=rf"weight file '{path}' ({told})"):
        fetch(str(bucket), None, cache)
    assert [each.suffix for each in cache.iterdir()] == [".lock"]


def test_a_fetched_file_that_was_altered_on_the_node_is_refused(
    folder: Path, tmp_path: Path, cache: Path
) -> None:
    uri = str(tmp_path / "bucket")
    found = fetch(uri, publish(folder, uri), cache)
    (found / "unet" / "w.safetensors").write_bytes(TENSORS[:-1])
    with pytest.raises(ModelError, match=r"w\.safetensors' is not the recorded file") as caught:
        fetch(uri, None, cache)
    assert f"delete {found}" in caught.value.fix
    shutil.rmtree(found)
    assert contents(fetch(uri, None, cache)) == contents(folder)


# -- faults


def test_a_bucket_that_fails_leaves_nothing_and_the_next_fetch_works(
    folder: Path, s3: S3Server, s3_prefix: str, cache: Path, options: S3Options
) -> None:
    digest = publish(folder, s3_prefix, options)
    s3.faults.append(Fault(times=99, path="/files/", status=503))
    with pytest.raises(StoreError, match=r"503|SlowDown"):
        fetch(s3_prefix, digest, cache, options)
    s3.faults.clear()
    s3.faults.append(Fault(times=99, path="/files/", status=403, code="AccessDenied"))
    with pytest.raises(StoreAccessError, match="S3 refuses"):
        fetch(s3_prefix, digest, cache, options)
    s3.faults.clear()
    assert [path.name for path in cache.iterdir()] == [f"{digest}.lock"]
    assert fetch(s3_prefix, digest, cache, options).is_dir()


def test_of_many_processes_of_a_node_one_downloads(
    folder: Path, s3: S3Server, s3_prefix: str, cache: Path, options: S3Options
) -> None:
    digest, start = publish(folder, s3_prefix, options), FORK.Barrier(4)
    s3.requests.clear()

    def work() -> None:
        start.wait()
        assert fetch(s3_prefix, digest, cache, options).name == digest

    _run_together(work, 4)
    gets = [path for method, path in s3.requests if method == "GET" and "/files/" in path]
    assert len(gets) == len(set(gets)) == 3


def _run_together(work: Callable[[], None], count: int) -> None:
    processes = [FORK.Process(target=work) for _ in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert {process.exitcode for process in processes} == {0}


def test_a_download_that_was_killed_is_done_again(folder: Path, tmp_path: Path, cache: Path) -> None:
    uri = str(tmp_path / "bucket")
    digest = publish(folder, uri)

    def work() -> None:
        replace = os.replace
        os.replace = lambda *_: os._exit(9)  # type: ignore[assignment]
        fetch(uri, digest, cache)
        os.replace = replace

    process = FORK.Process(target=work)
    process.start()
    process.join()
    assert process.exitcode == 9
    assert [path.name for path in cache.iterdir() if path.is_dir()] == [f".tmp-{digest}-{process.pid}"]
    fetch(uri, digest, cache)
    assert [path.name for path in cache.iterdir() if path.is_dir()] == [digest]


def test_waiting_for_another_download_has_an_end(folder: Path, tmp_path: Path, cache: Path) -> None:
    uri = str(tmp_path / "bucket")
    digest = publish(folder, uri)
    with (
        exclusive(cache / f"{digest}.lock", timeout=1),
        pytest.raises(StoreError, match="locked by another process"),
    ):
        fetch(uri, digest, cache, wait=0)


# -- the model that it is


def test_a_model_s_version_is_the_same_from_a_folder_and_from_a_bucket(
    weights: Path, s3_prefix: str, cache: Path, options: S3Options
) -> None:
    publish(weights / "plateful-tiny", f"{s3_prefix}/plateful-tiny", options)
    root = weight_root(f"{s3_prefix}/", cache, options)
    assert isinstance(root, RemoteWeights)
    local, fetched = resolve_model("plateful-tiny", weights), resolve_model("plateful-tiny", root)
    assert (fetched.digest, fetched.name) == (local.digest, local.name)
    assert fetched.own[0].parent == cache
    clip = part_folder(f"{s3_prefix}/plateful-tiny/clip", cache, options)
    assert folder_digest(clip) == folder_digest(weights / "plateful-tiny" / "clip")
    assert part_folder(str(weights), None) == weights
