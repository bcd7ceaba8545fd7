"""`plateful compare`: on versions that MLflow knows, and on catalog models with a sample."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from plateful.environments import Settings, load_settings, open_adapters
from plateful.evaluation.scores import summarise
from plateful.models.catalog import CATALOG_FILE
from plateful.tables import EVAL_SCORES
from tests.cli.conftest import Plateful

OLD, NEW, OTHER = "a1" * 32, "b2" * 32, "c3" * 32


@pytest.fixture
def versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three versions in MLflow; the last was looked at by another judge."""
    monkeypatch.setenv("PLATEFUL_HOME", str(tmp_path))
    tracking = open_adapters(load_settings()).tracking
    for digest, judge, good in ((OLD, "j1", 2), (NEW, "j1", 9), (OTHER, "j2", 9)):
        scores = _scores(good)
        tracking.log_model_version(
            "plateful-tiny",
            digest,
            scores,
            summarise(scores),
            images=[],
            labels=[],
            params={},
            card={},
            tags={"eval_set": "e", "scorer": "s", "judge": judge},
        )


def _scores(good: int) -> pl.DataFrame:
    return EVAL_SCORES.frame(
        [
            {
                "item_id": str(n),
                "stratum": "pizza",
                "candidate_id": str(n),
                "archetype_correct": n < good,
                "background_correct": True,
                "fidelity": 0.9 if n < good else 0.1,
                "quality": 0.5,
                "safe": True,
            }
            for n in range(10)
        ]
    )


@pytest.mark.usefixtures("versions")
def test_versions_are_compared_by_name_and_only_if_scored_alike(plateful: Plateful) -> None:
    old, new = f"plateful-tiny-{OLD[:12]}", f"plateful-tiny-{NEW[:12]}"
    rows = {row["metric"]: row for row in plateful("compare", old, new, "--json").json}
    assert (rows["archetype_accuracy"]["base"], rows["archetype_accuracy"]["candidate"]) == (0.2, 0.9)
    assert rows["fidelity"]["p_value"] < 0.05
    assert "archetype_accuracy" in plateful("compare", OLD[:8], NEW[:8]).out
    unlike = plateful("compare", old, OTHER[:8])
    assert unlike.status == 2 and "different judges: j1 and j2" in unlike.err
    unknown = plateful("compare", old, "plateful-tiny-123456789abc")
    assert unknown.status == 2 and "model version '123456789abc' is not in MLflow" in unknown.err


def test_models_are_compared_on_a_sample_with_page_and_mlflow(
    settings: Settings, plateful: Plateful, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = yaml.safe_load(CATALOG_FILE.read_text())
    house = catalog["plateful-tiny"] | {"status": "candidate", "price": {"per_image": 0.01}}
    house["profiles"] = {
        "standard": house["profiles"]["standard"] | {"steps": 4},
        "draft": house["profiles"]["standard"] | {"steps": 5, "vae": "tiny"},
    }
    house |= {"narrowed": {}, "tiers": {"production": "standard"}}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump({"house": house, "sdxl": catalog["sdxl"]}))
    monkeypatch.setenv("PLATEFUL_CATALOG", str(tmp_path / "own.yaml"))
    asked = ("compare", "--models", "house,house-draft,sdxl", "--set", "feed:SG:2", "--json")
    done = plateful(*asked)
    assert done.status == 2 and "weights folder 'sdxl' is absent" in done.err
    assert "PLATEFUL_MODEL=house-draft, after `status: validated` for house" in done.err
    document = json.loads(done.out)
    first, draft, absent = document["models"]
    assert (first["pictures"], first["rendered_now"], first["usd_per_1000"]) == (2, 2, 10.0)
    assert all(draft["seconds"][stage] > 0 for stage in ("prompt", "render", "score", "store", "load"))
    assert 0 <= draft["distance"] <= 1 and absent["problem"]
    assert {row["metric"] for row in document["paired"]} >= {"quality", "fidelity", "layout"}
    page = Path(document["page"])
    assert (
        page.is_relative_to(settings.home) and "weights folder &#39;sdxl&#39; is absent" in page.read_text()
    )
    _check_runs(settings, document)

    again = json.loads(plateful(*asked).out)
    assert [model.get("rendered_now") for model in again["models"]] == [0, 0, 0]
    assert (document["team"], document["usd"], again["usd"]) == ("default", 0.04, 0.0)
    assert open_adapters(settings).ledger.budgets.team_day("default").spent == 40_000
    assert again["mlflow"] == document["mlflow"] and again["paired"] == document["paired"]
    assert not open_adapters(settings).lake.partitions("published_images")


def _check_runs(settings: Settings, document: dict[str, Any]) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(settings.tracking)
    ids = {name: url.rpartition("/")[2] for name, url in document["mlflow"].items()}
    assert [item.path for item in client.list_artifacts(ids["all"], "comparison")] == [
        "comparison/comparison.html"
    ]
    runs = {name: client.get_run(ids[name]) for name in ("house", "house-draft", "sdxl")}
    assert {run.data.tags["mlflow.parentRunId"] for run in runs.values()} == {ids["all"]}
    quality = next(model["quality"] for model in document["models"] if model["model"] == "house")
    assert runs["house"].data.metrics["quality"] == pytest.approx(quality)
    assert runs["house"].data.metrics["seconds/render"] > 0
    assert (runs["sdxl"].info.status, runs["house"].info.status) == ("FAILED", "FINISHED")
    assert open_adapters(settings).tracking.leaderboard().is_empty()


@pytest.mark.usefixtures("settings")
def test_what_to_compare_must_be_said_in_one_of_two_forms(plateful: Plateful) -> None:
    for arguments in ((), ("a1a1a1a1",), ("--models", "plateful-tiny"), ("a", "b", "--set", "plates_v1")):
        done = plateful("compare", *arguments)
        assert done.status == 2 and "give --models a,b,c --set SAMPLE, or two evaluated versions" in done.err
    unknown = plateful("compare", "--models", "plateful-tiny,dall-e", "--set", "plates_v1:2")
    assert unknown.status == 2 and "'dall-e' is not in the catalog" in unknown.err
