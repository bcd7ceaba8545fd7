"""S3 as a store, against a server that fails as the real one does."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from plateful.errors import ConfigError, StoreAccessError, StoreError
from plateful.publishing import Bucket
from plateful.stores import objects
from plateful.stores.s3 import S3Options
from plateful.stores.s3_path import S3Path
from plateful.stores.s3_upload import MIB, PART_BYTES
from tests.servers.s3 import Fault, S3Server

LARGE = bytes(range(256)) * (PART_BYTES // 256) + b"the second part"


@pytest.fixture
def root(s3: S3Server, s3_prefix: str) -> S3Path:
    return S3Path.of(s3_prefix, S3Options(s3.endpoint, s3.region, attempts=3, timeout=5))


def own(s3: S3Server, root: S3Path) -> list[str]:
    return [key.removeprefix(f"{root.key}/") for key in s3.keys(root.bucket, root.key)]


def test_of_racing_writers_one_wins_and_its_bytes_stay(root: S3Path) -> None:
    path, barrier = root / "a" / "b.bin", threading.Barrier(16)

    def race(number: int) -> bool:
        barrier.wait()
        return objects.put_if_absent(path, bytes([number]) * 1000)

    with ThreadPoolExecutor(16) as pool:
        won = list(pool.map(race, range(16)))
    assert won.count(True) == 1
    assert path.read_bytes() == bytes([won.index(True)]) * 1000


def test_putting_asks_nothing_first(root: S3Path, s3: S3Server) -> None:
    assert objects.put_if_absent(root / "x", b"1")
    assert [method for method, _ in s3.requests] == ["PUT"]


def test_a_large_object_goes_in_parts_and_only_one_of_two_writers_makes_it(
    root: S3Path, s3: S3Server
) -> None:
    path = root / "large.bin"
    assert path.put_if_absent(LARGE)
    assert sum("partNumber" in where for _, where in s3.requests) == 2
    assert path.read_bytes() == LARGE
    s3.requests.clear()
    assert not path.put_if_absent(LARGE)
    assert [method for method, _ in s3.requests] == ["HEAD"], "what is there is not uploaded again"
    path.write_bytes(LARGE + b"new")
    assert path.read_bytes() == LARGE + b"new"


def test_two_large_uploads_at_once_leave_one_object_and_no_parts(root: S3Path, s3: S3Server) -> None:
    barrier = threading.Barrier(2)

    def race(last: bytes) -> bool:
        barrier.wait()
        return (root / "large.bin").put_if_absent(LARGE + last)

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(race, [b"1", b"2"])) == [False, True]
    assert "Uploads" not in s3.client().list_multipart_uploads(Bucket=root.bucket)


def test_a_failed_upload_drops_its_parts(root: S3Path, s3: S3Server) -> None:
    s3.faults.append(Fault(times=9, method="PUT", path="partNumber=2", status=503))
    with pytest.raises(StoreError, match=r"large\.bin: SlowDown.*\(3 attempts\)"):
        (root / "large.bin").put_if_absent(LARGE)
    assert own(s3, root) == []
    assert "Uploads" not in s3.client().list_multipart_uploads(Bucket=root.bucket)


# -- faults


@pytest.mark.parametrize(
    "fault", [Fault(status=503), Fault(status=500, code="InternalError"), Fault(drop="before")]
)
def test_what_passes_by_is_tried_again(root: S3Path, s3: S3Server, fault: Fault) -> None:
    path = root / "x"
    for act in (lambda: objects.put_if_absent(path, b"1"), path.read_bytes, lambda: list(root.iterdir())):
        s3.faults.append(replace(fault))
        assert act()
        assert s3.faults.pop().times == 0


def test_what_stays_is_an_error_that_says_what_to_do(root: S3Path, s3: S3Server) -> None:
    s3.faults.append(Fault(times=9, status=503))
    with pytest.raises(StoreError, match=r"/x: SlowDown: injected by the test \(3 attempts\)") as caught:
        objects.put_if_absent(root / "x", b"1")
    assert "run again later" in caught.value.fix
    assert not isinstance(caught.value, StoreAccessError)
    s3.faults.clear()
    assert own(s3, root) == []


def test_a_service_that_is_slow_beyond_the_timeout_is_asked_again(root: S3Path, s3: S3Server) -> None:
    quick = S3Path(root.bucket, root.key, replace(root.options, timeout=0.2))
    objects.replace(root / "x", b"1")
    s3.faults.append(Fault(times=1, delay=0.6))
    assert (quick / "x").read_bytes() == b"1"
    s3.faults.append(Fault(times=3, delay=0.6))
    with pytest.raises(StoreError, match="did not answer in 3 attempts"):
        (quick / "x").read_bytes()


def test_nobody_at_the_endpoint_is_named(s3: S3Server) -> None:  # noqa: ARG001 - its credentials
    path = S3Path("lake", "x", S3Options("http://127.0.0.1:9", "eu-central-1", attempts=2))
    with pytest.raises(StoreError, match=r"s3://lake/x: http://127\.0\.0\.1:9 did not answer"):
        path.read_bytes()


@pytest.mark.parametrize("size", [10, len(LARGE)])
def test_a_write_whose_reply_was_lost_counts_as_this_writer_s(root: S3Path, s3: S3Server, size: int) -> None:
    method, path = ("PUT", "/x") if size == 10 else ("POST", "uploadId")
    s3.faults.append(Fault(method=method, path=path, drop="after"))
    assert objects.put_if_absent(root / "x", LARGE[:size])
    assert s3.faults.pop().times == 0
    assert not objects.put_if_absent(root / "x", b"other")
    objects.replace(root / "y", b"theirs")
    s3.faults.append(Fault(method="PUT", path="/y", status=503))
    assert not objects.put_if_absent(root / "y", b"mine"), "repeated, but somebody else's"


def test_a_412_means_that_somebody_else_wrote_it(root: S3Path, s3: S3Server) -> None:
    s3.faults.append(Fault(method="PUT", status=412, code="PreconditionFailed"))
    assert not objects.put_if_absent(root / "x", b"1")


def test_a_write_beside_another_is_tried_again(root: S3Path, s3: S3Server) -> None:
    waits: list[float] = []
    s3.faults.append(Fault(times=2, method="PUT", status=409, code="ConditionalRequestConflict"))
    assert (root / "x").put_if_absent(b"1", sleep=waits.append)
    assert waits == [0.1, 0.2]
    s3.faults.append(Fault(times=9, method="PUT", status=409, code="ConditionalRequestConflict"))
    with pytest.raises(StoreError, match="ConditionalRequestConflict"):
        (root / "y").put_if_absent(b"1", sleep=waits.append)


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        (400, "ExpiredToken", "have expired"),
        (403, "AccessDenied", "refuses"),
        (403, "InvalidAccessKeyId", "refuses"),
    ],
)
def test_refused_credentials_are_named_and_not_tried_again(
    root: S3Path, s3: S3Server, status: int, code: str, told: str
) -> None:
    for act in ((root / "x").read_bytes, lambda: objects.put_if_absent(root / "x", b"1")):
        s3.faults.append(Fault(times=9, status=status, code=code))
        with pytest.raises(StoreAccessError, match=told) as caught:
            act()
        assert code in caught.value.message
        assert s3.faults.pop().times == 8


def test_absent_credentials_are_named(root: S3Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    fresh = S3Path(root.bucket, "x", replace(root.options, attempts=2))
    with pytest.raises(StoreAccessError, match="no AWS credentials for s3://lake/x"):
        fresh.read_bytes()


def test_an_absent_bucket_is_named(root: S3Path) -> None:
    with pytest.raises(StoreError, match=r"no such bucket.*s3://nowhere/x"):
        S3Path("nowhere", "x", root.options).read_bytes()


# -- listing, encryption, addresses


def test_a_folder_of_more_than_a_page_is_listed_whole(root: S3Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: (root / "many" / f"{n:04}").write_bytes(b""), range(1003)))
    (root / "many" / "below" / "x").write_bytes(b"")
    (root / "many-others").write_bytes(b"")
    names = objects.names(root / "many")
    assert names == [*(f"{n:04}" for n in range(1003)), "below"]
    assert (root / "many").exists()
    assert not objects.is_object(root / "many")
    assert objects.names(root / "none") == []


def test_objects_are_encrypted_as_asked(root: S3Path, s3: S3Server) -> None:
    for sse, key in (("AES256", None), ("aws:kms", "alias/plateful")):
        path = S3Path(root.bucket, root.key, replace(root.options, sse=sse, kms_key=key))
        for name, content in (("small", b"1"), ("large", LARGE)):
            objects.replace(path / name, content)
            head = s3.client().head_object(Bucket=root.bucket, Key=f"{root.key}/{name}")
            assert (head["ServerSideEncryption"], head.get("SSEKMSKeyId")) == (sse, key)


def test_options_that_cannot_work_are_refused() -> None:
    with pytest.raises(ConfigError, match="'rot13' does not exist"):
        S3Options(sse="rot13")
    with pytest.raises(ConfigError, match="encryption is 'AES256'"):
        S3Options(sse="AES256", kms_key="alias/x")
    with pytest.raises(StoreError, match="no place in S3"):
        S3Path.of("s3:///x")


def test_a_bucket_in_s3(s3: S3Server, s3_prefix: str) -> None:
    bucket = Bucket(s3_prefix, options=S3Options(s3.endpoint, s3.region))
    assert bucket.put("published/SG/a b.webp", b"1")
    assert not bucket.put("published/SG/a b.webp", b"2")
    assert bucket.get("published/SG/a b.webp") == b"1"
    assert bucket.url("published/SG/a b.webp") == f"{s3_prefix}/published/SG/a b.webp"
    with pytest.raises(StoreError, match="not in the store"):
        bucket.get("published/SG/none")


def test_a_part_is_larger_than_what_s3_takes_at_least() -> None:
    assert PART_BYTES >= 5 * MIB
