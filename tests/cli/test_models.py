"""`plateful models`: the catalog in a table and as JSON."""

from pathlib import Path

import pytest
import yaml

from plateful.environments import Settings
from plateful.models.catalog import CATALOG_FILE
from tests.cli.conftest import Plateful


@pytest.mark.usefixtures("settings")
def test_models_are_listed_with_what_decides_a_choice(plateful: Plateful) -> None:
    rows = {row["name"]: row for row in plateful("models", "--json").json}
    tiny = rows["plateful-tiny"]
    assert (tiny["provider"], tiny["licence"], tiny["status"]) == ("diffusers", "Apache-2.0", "validated")
    assert tiny["capabilities"]["steps"] == {"kind": "range", "low": 4, "high": 50}
    table = plateful("models").out
    assert all(name in table for name in rows)
    assert "4-50 steps" in table and "0.08 USD/h" in table and "plateful-tiny in use" in table


def test_one_model_is_shown_with_its_weights(settings: Settings, plateful: Plateful) -> None:
    shown = plateful("models", "show", "plateful-tiny", "--json").json
    assert shown["weights"]["folder"] == str(settings.weights / "plateful-tiny")
    assert shown["weights"]["present"] and shown["weights"]["verified"]
    absent = plateful("models", "show", "sdxl-fast").out
    assert "cache_interval 3" in absent and "editorial-banner" in absent and "is absent" in absent


@pytest.mark.usefixtures("settings")
def test_an_unknown_model_is_one_line(plateful: Plateful) -> None:
    unknown = plateful("models", "show", "dall-e")
    assert (
        unknown.status == 2 and "'dall-e' is not in the catalog fix: use one of plateful-tiny" in unknown.err
    )


@pytest.mark.usefixtures("settings")
def test_a_catalog_of_ones_own_replaces_the_shipped_one(
    plateful: Plateful, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump({"house": yaml.safe_load(CATALOG_FILE.read_text())["plateful-tiny"]}))
    monkeypatch.setenv("PLATEFUL_CATALOG", str(path))
    names = {row["name"] for row in plateful("models", "--json").json}
    assert {"house", "house-preview"} <= names and not [n for n in names if not n.startswith("house")]
    assert "'plateful-tiny' is not in the catalog" in plateful("evaluate").err
    monkeypatch.setenv("PLATEFUL_CATALOG", str(tmp_path / "absent.yaml"))
    missing = plateful("models")
    assert missing.status == 2 and "absent.yaml cannot be read: No such file" in missing.err
