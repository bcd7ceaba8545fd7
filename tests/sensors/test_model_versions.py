"""The model sensor: a version is evaluated until it has scores, and the leaderboard follows."""

import shutil

import dagster as dg
import pytest

from plateful.environments import Settings
from plateful.models.digests import write_digests
from plateful.models.versions import resolve_model
from resources.models import ModelResource
from sensors.attempts import MAX_FAILURES
from sensors.model_versions import new_model_versions
from tests.recorded_runs import Record


@pytest.fixture
def version(settings: Settings) -> str:
    return resolve_model(settings.model, weights_root=settings.weights).name


def _tick(instance: dg.DagsterInstance, settings: Settings) -> dg.SensorResult:
    models = ModelResource(model=settings.model, weights=str(settings.weights))
    result = new_model_versions(dg.build_sensor_context(instance=instance, resources={"models": models}))
    assert isinstance(result, dg.SensorResult)
    return result


def test_a_failed_evaluation_is_requested_again_until_it_is_hopeless(
    instance: dg.DagsterInstance, settings: Settings, record: Record, version: str
) -> None:
    keys = set()
    for _ in range(MAX_FAILURES):
        asked = _tick(instance, settings)
        assert asked.dynamic_partitions_requests
        (request,) = asked.run_requests or []
        assert (request.job_name, request.partition_key) == ("evaluate_model", version)
        instance.add_dynamic_partitions("model_version", [version])
        keys.add(request.run_key)
        record("evaluate_model", "FAILURE", {"dagster/partition": version})
    assert len(keys) == MAX_FAILURES
    assert f"failed {MAX_FAILURES} times" in str(_tick(instance, settings).skip_reason)


def test_an_evaluation_at_work_is_waited_for(
    instance: dg.DagsterInstance, settings: Settings, record: Record, version: str
) -> None:
    record("__ASSET_JOB", "STARTED", {"dagster/partition": version})
    assert "is working on it" in str(_tick(instance, settings).skip_reason)


def test_scores_are_followed_by_the_leaderboard_once(
    instance: dg.DagsterInstance, settings: Settings, materialize: Record, version: str
) -> None:
    materialize("evaluate_model", "eval_scores", version)
    (request,) = _tick(instance, settings).run_requests or []
    assert (request.job_name, request.partition_key) == ("refresh_leaderboard", None)
    assert _tick(instance, settings).run_requests == [request]
    materialize("refresh_leaderboard", "model_leaderboard", None, request.tags)
    assert "on the leaderboard" in str(_tick(instance, settings).skip_reason)


def test_weights_that_changed_are_seen_and_broken_ones_are_told(
    instance: dg.DagsterInstance, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("changing")
    shutil.copytree(settings.weights, root, dirs_exist_ok=True)
    changing = settings.model_copy(update={"weights": root})
    (before,) = _tick(instance, changing).run_requests or []
    folder = root / "plateful-tiny"
    config = next(folder.rglob("config.json"))
    config.write_text(config.read_text() + "\n")
    assert "is not the recorded file" in str(_tick(instance, changing).skip_reason)
    write_digests(folder)
    (after,) = _tick(instance, changing).run_requests or []
    assert before.partition_key != after.partition_key
