"""A failed run is told in one line and frees its country; a dead one is reported failed."""

from datetime import timedelta

import dagster as dg
import pytest

from plateful.environments import Settings, open_ledger, utc_now
from sensors.failures import dead_runs, run_failures
from tests.recorded_runs import Record


def test_a_failure_is_one_line_and_frees_the_country(
    instance: dg.DagsterInstance,
    settings: Settings,
    materialize: Record,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run_id = materialize("render_country", "products", "SG", fails=True)
    ledger = open_ledger(settings.ledger)
    ledger.acquire_lease("SG", run_id, timedelta(hours=1))
    run = instance.get_run_by_id(run_id)
    events = [entry.dagster_event for entry in instance.all_logs(run_id)]
    (failed,) = [e for e in events if e is not None and e.event_type_value == "PIPELINE_FAILURE"]
    assert run is not None
    context = dg.build_run_status_sensor_context("run_failures", failed, instance, run)
    capsys.readouterr()
    run_failures(context.for_run_failure())
    (line,) = [text for text in capsys.readouterr().err.splitlines() if "failed at" in text]
    assert "render_country SG failed at rest: the disk is full -> free space | do: free space" in line
    assert ledger.live_owners() == set()


def test_a_dead_run_is_reported_failed(
    instance: dg.DagsterInstance, settings: Settings, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = record("render_country", "STARTED", {"dagster/partition": "SG"})
    context = dg.build_sensor_context(instance=instance)
    assert "every started run is alive" in str(dead_runs(context))
    later = utc_now() + settings.lease_grace + timedelta(seconds=1)
    monkeypatch.setattr("sensors.failures.utc_now", lambda: later)
    assert killed in str(dead_runs(context))
    run = instance.get_run_by_id(killed)
    assert run is not None
    assert run.is_failure
    assert open_ledger(settings.ledger).live_owners() == set()
