"""`plateful bench` on the tiny family: result files and tables."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from plateful.errors import ConfigError


def bench(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["bench", *arguments], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


@pytest.mark.usefixtures("settings")
def test_pipeline_measures_the_whole_against_the_renderer(tmp_path: Path) -> None:
    shown = bench("pipeline", "--images", "4", "--repeats", "1", "--out", str(tmp_path), "--json")
    (file,) = tmp_path.glob("pipeline-plateful-tiny-cpu-*.json")
    result = json.loads(file.read_text())
    assert json.loads(shown) == result
    assert 0 < result["share"] <= 1.2
    assert result["images"] == 4
    assert result["end_to_end_seconds_per_image"] > result["scoring_seconds_per_image"] > 0


@pytest.mark.usefixtures("settings")
def test_an_unknown_model_is_named() -> None:
    with pytest.raises(ConfigError, match="'nothing' is not in the catalog"):
        bench("ladder", "--model", "nothing")
