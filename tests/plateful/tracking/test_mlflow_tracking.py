"""Model versions in a real MLflow, on SQLite and on a server."""

import json
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts

from plateful.errors import ConfigError, StoreError
from plateful.tables import MODEL_LEADERBOARD
from plateful.tracking.mlflow_tracking import Tracking
from plateful.tracking.store import SETTINGS
from tests.servers.mlflow import MlflowServer

METRICS = {
    "items": 2,
    "archetype_accuracy": 0.5,
    "background_accuracy": 1.0,
    "fidelity": 0.7,
    "quality": 0.8,
    "safe_share": 1.0,
    "by_stratum/pizza/archetype_accuracy": 0.5,
}
SCORES = pl.DataFrame({"item_id": ["b", "a"], "fidelity": [0.6, 0.8]})


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder, one database: the migrations of a first start take seconds."""
    return tmp_path_factory.mktemp("mlflow")


@pytest.fixture(params=["sqlite", "server"])
def tracking(state: Path, request: pytest.FixtureRequest) -> Tracking:
    experiment = request.node.name
    if request.param == "sqlite":
        return Tracking(f"sqlite:///{state}/sub/mlflow.db", str(state / "artifacts"), experiment=experiment)
    server = request.getfixturevalue("mlflow_server")
    return Tracking(server.url, None, ui_url=server.url, experiment=experiment)


def log(tracking: Tracking, digest: str = "d1", **changes: object):  # noqa: ANN201
    images = [np.full((8, 8, 3), 200, np.uint8)] * 2
    values = {
        "scores": SCORES,
        "metrics": METRICS,
        "images": images,
        "labels": ["a", "b"],
        "params": {"steps": 20},
        "card": {"licence": "MIT"},
        **changes,
    }
    return tracking.log_model_version(tracking.experiment, digest, **values)


def history(tracking: Tracking, run_id: str) -> list[tuple[int, float]]:
    client = MlflowClient(tracking.tracking_uri)
    return [(m.step, m.value) for m in client.get_metric_history(run_id, "fidelity")]


def test_logging_twice_keeps_one_run_one_version_and_one_point(tracking: Tracking) -> None:
    first = log(tracking, alias="candidate")
    again = log(tracking)
    assert (first.changed, again.changed) == (True, False)
    assert first.run_id == again.run_id and first.registered_version == again.registered_version
    assert history(tracking, first.run_id) == [(1, 0.7)]
    board = tracking.leaderboard()
    assert board.schema == MODEL_LEADERBOARD.empty().schema
    assert board.select("model_version", "aliases", "items", "fidelity").rows() == [
        ("d1", ["candidate"], 2, 0.7)
    ]
    assert board["url"][0] == first.url and first.url.endswith(f"/runs/{first.run_id}")


def test_new_scores_update_the_same_run_even_when_lower(tracking: Tracking) -> None:
    run_id = log(tracking).run_id
    lower = log(tracking, metrics={**METRICS, "fidelity": 0.1})
    assert lower.changed and lower.run_id == run_id
    assert tracking.leaderboard()["fidelity"].to_list() == [0.1]
    assert history(tracking, run_id) == [(1, 0.7), (2, 0.1)]


def test_interrupted_logging_is_finished_by_the_next_call(
    tracking: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(tracking, "_log_picture", full)
        with pytest.raises(OSError, match="disk full"):
            log(tracking)
    assert tracking.leaderboard().is_empty()
    logged = log(tracking)
    assert logged.changed and tracking.leaderboard().height == 1
    assert {step for step, _ in history(tracking, logged.run_id)} == {1}


def test_artifacts_are_table_pictures_and_card(tracking: Tracking, tmp_path: Path) -> None:
    logged = log(tracking)
    folder = Path(
        download_artifacts(run_id=logged.run_id, dst_path=str(tmp_path), tracking_uri=tracking.tracking_uri)
    )
    files = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    assert files == ["eval/pictures.png", "eval/scores.csv", "model/card.json"]
    assert json.loads((folder / "model/card.json").read_text())["digest"] == "d1"
    assert (folder / "eval/scores.csv").read_text().splitlines()[1] == "a,0.8"


def test_alias_moves_between_versions_and_best_stands_first(tracking: Tracking) -> None:
    log(tracking, "d1", alias="champion")
    log(tracking, "d2", metrics={**METRICS, "fidelity": 0.9}, alias="champion")
    board = tracking.leaderboard()
    assert board.select("model_version", "aliases").rows() == [("d2", ["champion"]), ("d1", [])]


def test_a_changed_parameter_of_a_version_is_refused(tracking: Tracking) -> None:
    log(tracking)
    with pytest.raises(ConfigError, match="'steps' was '20', now '30'"):
        log(tracking, params={"steps": 30})


def test_a_second_run_made_by_another_process_is_dropped(tracking: Tracking) -> None:
    first = log(tracking)
    client = MlflowClient(tracking.tracking_uri)
    other = client.get_run(first.run_id)
    tags = {k: v for k, v in other.data.tags.items() if k.startswith("plateful.model")}
    client.create_run(other.info.experiment_id, tags=tags, start_time=other.info.start_time + 5)
    assert log(tracking).run_id == first.run_id
    assert tracking.leaderboard().height == 1


def test_job_execution_and_pickles_are_off(tracking: Tracking) -> None:
    assert {name: os.environ[name] for name in SETTINGS} == SETTINGS
    assert tracking._connected is None, "nothing is opened before first use"


def test_empty_leaderboard(tracking: Tracking) -> None:
    assert tracking.leaderboard().is_empty()


def test_scores_are_read_back_by_a_versions_name(tracking: Tracking) -> None:
    log(tracking, "abc123" * 8, tags={"eval_set": "e1", "scorer": "s1", "judge": "j1", "other": "x"})
    for name in ("abc123abc123", f"{tracking.experiment}-abc123abc123"):
        found = tracking.scores(name)
        assert found.version == f"{tracking.experiment}-abc123abc123"
        assert found.scores.sort("item_id").equals(SCORES.sort("item_id"))
        assert found.made_with == {"eval_set": "e1", "scorer": "s1", "judge": "j1"}
    with pytest.raises(StoreError, match="model version 'fffffffff' is not in MLflow"):
        tracking.scores("fffffffff")


def test_artifacts_go_through_the_server(mlflow_server: MlflowServer, state: Path) -> None:
    tracking = Tracking(mlflow_server.url, None, experiment="through the server")
    logged = log(tracking, "d9")
    client = MlflowClient(mlflow_server.url)
    assert client.get_run(logged.run_id).info.artifact_uri.startswith("mlflow-artifacts:")
    assert sorted(path.name for path in mlflow_server.artifacts.rglob("*.json")) != []
    version = client.get_model_version("through the server", logged.registered_version)
    assert version.source.startswith("mlflow-artifacts:")
    assert not (state / "artifacts" / "eval").exists()


def test_a_server_that_is_away_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(StoreError, match=r"MLflow at http://127\.0\.0\.1:9 refused"):
        Tracking("http://127.0.0.1:9", None).leaderboard()
