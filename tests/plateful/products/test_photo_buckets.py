"""Photos in S3: read from named buckets, under a cap, and a problem instead of an error."""

from collections.abc import Iterator

import pytest

from plateful.products.photo_buckets import PhotoBuckets
from plateful.products.urls import UrlProblem
from plateful.stores.s3 import S3Options
from tests.servers.s3 import Fault, S3Server


@pytest.fixture
def buckets(s3: S3Server) -> Iterator[PhotoBuckets]:
    options = S3Options(s3.endpoint, s3.region, attempts=2)
    client = s3.client()
    for key, body in (("empty.jpg", b""), ("large.jpg", b"x" * 101)):
        client.put_object(Bucket="images", Key=key, Body=body)
    yield PhotoBuckets(frozenset({"images"}), options, max_bytes=100)


def test_a_picture_is_read(buckets: PhotoBuckets) -> None:
    assert buckets.fetch("s3://images/empty.jpg") == b""
    assert PhotoBuckets(buckets.names, buckets.options).fetch("s3://images/large.jpg") == b"x" * 101


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("s3://lake/tables/secret.png", "not_fetched"),
        ("s3://images/none.jpg", "http_404"),
        ("s3://images/large.jpg", "too_large"),
        ("s3://images", "unsafe_url"),
        ("s3://key:word@images/a.jpg", "unsafe_url"),
    ],
)
def test_what_gives_no_picture_is_named(
    s3: S3Server, buckets: PhotoBuckets, address: str, reason: str
) -> None:
    s3.requests.clear()
    found = buckets.fetch(address)
    assert isinstance(found, UrlProblem)
    assert found.reason == reason
    assert (s3.requests == []) is (reason in ("not_fetched", "unsafe_url"))


@pytest.mark.parametrize(
    ("status", "code", "reason"), [(403, "AccessDenied", "http_403"), (503, "SlowDown", "unreachable")]
)
def test_a_refusal_stops_no_other_picture(
    s3: S3Server, buckets: PhotoBuckets, status: int, code: str, reason: str
) -> None:
    s3.faults.append(Fault(times=9, status=status, code=code))
    found = buckets.fetch("s3://images/empty.jpg")
    assert isinstance(found, UrlProblem)
    assert found.reason == reason


def test_a_key_is_read_as_it_is_written(buckets: PhotoBuckets, s3: S3Server) -> None:
    s3.client().put_object(Bucket="images", Key="50%25?#+x.jpg", Body=b"odd")
    assert buckets.fetch("s3://images/50%25?#+x.jpg") == b"odd"
