"""Where photos are fetched from: nowhere without a network, and in S3 from named buckets alone."""

import pytest

from plateful.environments import load_settings
from plateful.products.urls import UrlProblem
from resources.feed import FeedResource
from resources.stores import S3Config
from tests.servers.s3 import S3Server


def test_without_a_network_nothing_is_asked() -> None:
    assert FeedResource(path="feed", photo_buckets=["images"]).ask() is None


def test_s3_addresses_are_read_from_s3_and_others_over_the_web(s3: S3Server) -> None:
    s3.client().put_object(Bucket="images", Key="a.jpg", Body=b"picture")
    place = S3Config(endpoint=s3.endpoint, region=s3.region)
    ask = FeedResource(path="feed", network=True, photo_buckets=["images"], s3=place).ask()
    assert ask is not None
    assert ask("s3://images/a.jpg") == b"picture"
    local = ask("http://127.0.0.1/a.jpg")
    assert isinstance(local, UrlProblem)
    assert local.reason == "unsafe_url"


def test_settings_name_the_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLATEFUL_PHOTO_BUCKETS", "images,other-photos")
    assert load_settings().photo_bucket_names == ["images", "other-photos"]
