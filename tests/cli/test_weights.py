"""`plateful weights`: to the bucket and from it, and a command whose model comes from there."""

from pathlib import Path

import pytest

from plateful.environments import Settings, load_settings
from plateful.models.versions import resolve_model
from resources.environment import build_resources
from tests.cli.conftest import Plateful
from tests.servers.s3 import S3Server


@pytest.fixture
def local_digest(settings: Settings) -> str:
    return resolve_model(settings.model, settings.weight_root).digest


@pytest.fixture
def in_bucket(
    local_digest: str, s3: S3Server, s3_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """PLATEFUL_WEIGHTS in a bucket; returns the node's folder of fetched weights."""
    assert local_digest, "taken before"
    for name, value in {
        "WEIGHTS": s3_prefix,
        "WEIGHT_CACHE": tmp_path / "node",
        "S3_ENDPOINT": s3.endpoint,
        "S3_REGION": s3.region,
    }.items():
        monkeypatch.setenv(f"PLATEFUL_{name}", str(value))
    monkeypatch.delenv("PLATEFUL_CLIP")
    return tmp_path / "node"


def test_weights_that_were_pushed_serve_the_same_version(
    plateful: Plateful, weights: Path, local_digest: str, in_bucket: Path
) -> None:
    assert "no weights in s3://" in plateful("weights", "pull").err
    (pushed,) = plateful("weights", "push", "--from", str(weights), "--json").json
    (pulled,) = plateful("weights", "pull", "--json").json
    assert pulled == {
        "set": "plateful-tiny", "folder": str(in_bucket / pushed["digest"]), "digest": pushed["digest"],
    }  # fmt: skip
    shown = plateful("models", "show", "plateful-tiny", "--json").json["weights"]
    assert shown["verified"] is True
    assert shown["folder"].startswith("s3://")
    assert shown["model_version"] == local_digest


def test_every_resource_takes_its_weights_from_the_bucket(
    plateful: Plateful, settings: Settings, weights: Path, local_digest: str, in_bucket: Path
) -> None:
    before = build_resources(settings)
    expected = (before["scoring"].version(), before["masks"].method())
    assert plateful("weights", "push", "--from", str(weights)).status == 0
    resources = build_resources(load_settings())
    assert resources["models"].version().digest == local_digest
    assert resources["models"].version().own[0].parent == in_bucket
    assert resources["scoring"].folder().parent.parent == in_bucket
    assert (resources["scoring"].version(), resources["masks"].method()) == expected


def test_a_folder_is_no_bucket(plateful: Plateful, settings: Settings) -> None:
    for command in ("push", "pull"):
        done = plateful("weights", command)
        assert done.status == 2
        assert f"PLATEFUL_WEIGHTS={settings.weights} is a folder" in done.err
