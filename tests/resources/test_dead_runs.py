"""Runs whose process died are reported failed; those that live or start are left alone."""

from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from plateful.environments import utc_now
from plateful.ledger import Ledger
from resources.dead_runs import report_dead_runs

GRACE = timedelta(minutes=2)


def _run(instance: dg.DagsterInstance, status: dg.DagsterRunStatus) -> str:
    @dg.job
    def stand_in() -> None: ...

    return instance.create_run_for_job(stand_in, status=status).run_id


def _status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


@pytest.mark.parametrize("status", ["NOT_STARTED", "STARTING", "STARTED", "CANCELING"])
def test_a_silent_run_without_a_lease_is_dead_after_the_grace(
    instance: dg.DagsterInstance, ledger: Ledger, status: str
) -> None:
    killed = _run(instance, dg.DagsterRunStatus[status])
    assert report_dead_runs(instance, ledger, grace=GRACE, now=utc_now()) == []
    later = utc_now() + GRACE + timedelta(seconds=1)
    assert report_dead_runs(instance, ledger, grace=GRACE, now=later) == [killed]
    assert _status(instance, killed) is dg.DagsterRunStatus.FAILURE
    assert report_dead_runs(instance, ledger, grace=GRACE, now=later) == []


def test_a_live_lease_keeps_a_run_and_one_that_ran_out_does_not(
    instance: dg.DagsterInstance, ledger: Ledger
) -> None:
    alive, killed = (_run(instance, dg.DagsterRunStatus.STARTED) for _ in range(2))
    ledger.acquire_lease("SG", alive, timedelta(hours=1))
    lease = ledger.acquire_lease("DE", killed, timedelta(0))
    later = utc_now() + GRACE + timedelta(seconds=1)
    assert report_dead_runs(instance, ledger, grace=GRACE, now=later) == [killed]
    with pytest.raises(Exception, match="held by nobody"):
        ledger.check_fence(lease)


@pytest.mark.parametrize("status", ["SUCCESS", "FAILURE", "CANCELED"])
def test_finished_runs_need_no_lease(instance: dg.DagsterInstance, ledger: Ledger, status: str) -> None:
    _run(instance, dg.DagsterRunStatus[status])
    later = utc_now() + timedelta(days=1)
    assert report_dead_runs(instance, ledger, grace=GRACE, now=later) == []


def test_where_the_daemon_monitors_runs_none_is_reported_here(tmp_path: Path, ledger: Ledger) -> None:
    with dg.instance_for_test(
        temp_dir=str(tmp_path), overrides={"run_monitoring": {"enabled": True}}
    ) as watched:
        waiting = _run(watched, dg.DagsterRunStatus.STARTED)
        later = utc_now() + timedelta(hours=1)
        assert report_dead_runs(watched, ledger, grace=GRACE, now=later) == []
        assert _status(watched, waiting) is dg.DagsterRunStatus.STARTED
