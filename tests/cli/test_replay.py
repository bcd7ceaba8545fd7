"""`plateful replay`: each candidate with the model that it names; hosted pictures are verified instead."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from plateful.environments import Settings
from plateful.models.catalog import CATALOG_FILE, load_catalog
from plateful.models.versions import model_version
from plateful.rendering.diffusers_renderer import DiffusersRenderer
from plateful.stores.lake import Lake
from plateful.vision.image_io import encode_png
from tests.cli.conftest import Plateful
from tests.plateful.models.providers.studio import studio
from tests.plateful.rendering.sample import make_task
from tests.plateful.rendering.test_hosted_renderer import shard as hosted_shard
from tests.plateful.rendering.test_shard import run


def own_catalog(folder: Path, monkeypatch: pytest.MonkeyPatch, **entries: Any) -> Path:
    """Have the command use a catalog of these entries."""
    path = folder / "own.yaml"
    path.write_text(yaml.safe_dump(entries))
    monkeypatch.setenv("PLATEFUL_CATALOG", str(path))
    return path


def test_a_candidate_is_replayed_by_its_own_model(
    settings: Settings, plateful: Plateful, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = yaml.safe_load(CATALOG_FILE.read_text())["plateful-tiny"]
    profile = tiny["profiles"]["standard"] | {"steps": 4, "batch": 1}
    house = tiny | {"profiles": {"standard": profile}, "narrowed": {}, "tiers": {}, "status": "retired"}
    catalog = own_catalog(tmp_path, monkeypatch, house=house)
    version = model_version(load_catalog(catalog)["house"], settings.weights)
    task = make_task(version, "soup")
    run(Lake(settings.lake), [task], DiffusersRenderer(version, device="cpu", threads=1))
    asked = ("replay", task.candidate_id[:12], "--country", "SG")
    assert plateful(*asked).out.startswith("identical on cpu, 1 threads")

    monkeypatch.setenv("PLATEFUL_WEIGHTS", str(tmp_path / "none"))
    absent = plateful(*asked)
    assert (absent.status, "weights folder 'plateful-tiny' is absent" in absent.err) == (2, True)
    monkeypatch.setenv("PLATEFUL_WEIGHTS", str(settings.weights))
    house["profiles"]["standard"]["steps"] = 5
    own_catalog(tmp_path, monkeypatch, house=house)
    changed = plateful(*asked)
    assert (changed.status, f"rendered by version {version.digest[:12]}" in changed.err) == (2, True)
    own_catalog(tmp_path, monkeypatch, other=house)
    gone = plateful(*asked)
    assert gone.status == 2
    assert "was rendered by model 'house', which is not in the catalog fix: restore its entry" in gone.err


def test_a_hosted_picture_is_verified_and_never_bought(
    settings: Settings, plateful: Plateful, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "openai-compatible"
    with studio(name, tmp_path, monkeypatch) as one:
        one.lake = Lake(settings.lake)
        (task,) = one.tasks("soup", size=512)
        hosted_shard(one, [task])
        # Nothing of the provider is needed: neither its address nor a key.
        monkeypatch.delenv("PLATEFUL_IMAGE_ENDPOINT_KEY", raising=False)
        done = plateful("replay", task.candidate_id[:12], "--country", "SG")
        assert done.out.startswith("identical to what was recorded; openai (127.0.0.1) is hosted")
        assert len(one.account.seen) == 1
    Path(one.lake.image_path(task.candidate_id)).write_bytes(encode_png(np.zeros((8, 8, 3), np.uint8)))
    spoilt = plateful("replay", task.candidate_id[:12], "--country", "SG")
    assert (spoilt.status, "is not the one recorded in the manifest" in spoilt.err) == (2, True)
