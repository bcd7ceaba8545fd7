"""One door to every renderer."""

from pathlib import Path

import pytest

from plateful.models.catalog import load_catalog
from plateful.models.versions import ModelVersion, model_version
from plateful.rendering.diffusers_renderer import DiffusersRenderer
from plateful.rendering.hosted_renderer import HostedRenderer
from plateful.rendering.renderers import open_renderer
from plateful.stores.lake import Lake


def test_the_provider_decides_what_renders(
    version: ModelVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(str(tmp_path))
    assert isinstance(open_renderer(version, lake), DiffusersRenderer)
    entry = load_catalog()["gpt-image"]
    assert entry.endpoint is not None
    monkeypatch.setenv(entry.endpoint.key, "a key of this test")
    hosted = open_renderer(model_version(entry, tmp_path), lake)
    assert isinstance(hosted, HostedRenderer)
    assert hosted.device == "openai (api.openai.com)"
