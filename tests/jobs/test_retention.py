"""Retention: old runs go with all they left, and whoever reads runs finds what it found before."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from jobs.batches import DECISION_TAG, last_made
from jobs.retention import LOOKED_BACK, drop_runs, retention
from plateful.environments import Settings, open_ledger
from plateful.ledger import Decision
from plateful.stores import Lake
from resources.environment import build_resources
from tests.recorded_runs import Record

SOON = datetime.now(UTC) + timedelta(days=1)


def sweep(
    instance: dg.DagsterInstance, settings: Settings, before: datetime = SOON, at_most: int = 100
) -> list[str]:
    ledger, lake = open_ledger(settings.ledger), Lake(settings.lake)
    return drop_runs(instance, ledger, lake, before=before, at_most=at_most)


def made(materialize: Record, country: str, number: int) -> str:
    return materialize("render_country", "products", country, {}, {"feed": "f", "feed_content": str(number)})


def test_the_newest_stay_and_the_others_go_with_events_and_documents(
    instance: dg.DagsterInstance, settings: Settings, materialize: Record
) -> None:
    runs = [made(materialize, "SG", number) for number in range(LOOKED_BACK + 3)]
    for run_id in runs:
        (Path(settings.lake) / "steps" / run_id / "plan").mkdir(parents=True)
    before = last_made(instance, "SG", LOOKED_BACK)
    assert sweep(instance, settings) == runs[:3]
    assert {run.run_id for run in instance.get_runs()} == set(runs[3:])
    assert all(not instance.all_logs(run_id) for run_id in runs[:3])
    assert sorted(path.name for path in (Path(settings.lake) / "steps").iterdir()) == sorted(runs[3:])
    assert last_made(instance, "SG", LOOKED_BACK) == before
    assert sweep(instance, settings) == []


def test_the_newest_materialization_of_each_country_stays_however_many_runs_came_after(
    instance: dg.DagsterInstance, settings: Settings, materialize: Record, record: Record
) -> None:
    only = made(materialize, "DE", 1)
    later = [record("render_country", "FAILURE", {"dagster/partition": "DE"}) for _ in range(LOOKED_BACK + 2)]
    assert sweep(instance, settings) == later[:2]
    assert [one.run_id for one in last_made(instance, "DE")] == [only]


def test_the_run_of_the_newest_decision_stays(
    instance: dg.DagsterInstance, settings: Settings, record: Record
) -> None:
    ledger = open_ledger(settings.ledger)
    decision = ledger.record_decision(
        Decision("SG", "r1", "p", "h" * 64, "c" * 64, "approved", "ann", "good", datetime.now(UTC))
    )
    tags = {"dagster/partition": "SG"}
    carried_out = record("publish_country", "SUCCESS", {**tags, DECISION_TAG: str(decision)})
    later = [record("publish_country", "SUCCESS", tags) for _ in range(LOOKED_BACK + 1)]
    assert sweep(instance, settings) == later[:1]
    assert instance.get_run_by_id(carried_out) is not None


@pytest.mark.parametrize("status", ["STARTED", "CANCELING"])
def test_a_run_that_is_not_finished_stays(
    instance: dg.DagsterInstance, settings: Settings, record: Record, status: str
) -> None:
    waiting = record("render_country", status, {"dagster/partition": "SG"})
    done = [record("render_country", "SUCCESS", {"dagster/partition": "SG"}) for _ in range(LOOKED_BACK + 2)]
    assert sweep(instance, settings) == done[:2]
    assert instance.get_run_by_id(waiting) is not None


def test_young_runs_stay_and_a_sweep_takes_so_many(
    instance: dg.DagsterInstance, settings: Settings, record: Record
) -> None:
    runs = [record("refresh_costs", "SUCCESS", {}) for _ in range(LOOKED_BACK + 4)]
    assert sweep(instance, settings, before=SOON - timedelta(days=2)) == []
    assert sweep(instance, settings, at_most=1) == runs[:1]
    assert sweep(instance, settings, at_most=2) == runs[1:3]
    assert sweep(instance, settings) == runs[3:4]


def test_the_newest_run_of_a_job_that_seldom_runs_is_kept_however_many_others_are_old(
    instance: dg.DagsterInstance, settings: Settings, record: Record
) -> None:
    seldom = record("evaluate_model", "SUCCESS", {})
    often = [record("refresh_costs", "SUCCESS", {}) for _ in range(LOOKED_BACK + 3)]
    assert sweep(instance, settings, at_most=2) == often[:2]
    assert instance.get_run_by_id(seldom) is not None


def test_the_job_runs_without_taking_any_lease(instance: dg.DagsterInstance, settings: Settings) -> None:
    resources = build_resources(settings)
    job = dg.Definitions(jobs=[retention], resources=resources, executor=dg.in_process_executor)
    done = job.resolve_job_def("retention").execute_in_process(instance=instance)
    assert done.success
    assert open_ledger(settings.ledger).live_owners() == set()
