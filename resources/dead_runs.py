"""Runs that died without a word, e.g. by kill -9: Dagster would show them as started for ever.

Such a run keeps its place in the run queue and its country, so it is reported failed. A run is alive while it
holds a lease that has not run out; see `resources.lease`.
"""

from datetime import datetime, timedelta

import dagster as dg

from plateful.ledger import Ledger

# A queued run needs no process; every other unfinished one has had something happen to it lately, or a lease.
NEEDS_LEASE = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def report_dead_runs(
    instance: dg.DagsterInstance, ledger: Ledger, *, grace: timedelta, now: datetime
) -> list[str]:
    """Report every dead run failed, give its leases back, and return the run ids.

    Where Dagster's run monitoring is switched on, it asks the cluster whether a run's worker lives, and none
    is reported here: a run whose steps' pods wait for a GPU node has no process that would renew a lease.

    Money that a dead run held is free once its time has run out.

    Args:
        instance: the runs.
        ledger: the leases.
        grace: how long a run may be without a lease after its last change of state: longer than a run waits
            for one.
        now: aware UTC.
    """
    watched = instance.run_monitoring_settings.get("enabled", False)
    silent = (
        [] if watched else instance.get_runs(dg.RunsFilter(statuses=NEEDS_LEASE, updated_before=now - grace))
    )
    # Read after the runs: a run that took its lease in between is alive.
    alive = ledger.live_owners()
    dead = [run.run_id for run in silent if run.run_id not in alive]
    for run_id in dead:
        # First: should the process live after all, it must not write once its country is free.
        ledger.release_owner(run_id)
        report_dead_run(instance, run_id)
    ledger.budgets.sweep()
    return dead


def report_dead_run(instance: dg.DagsterInstance, run_id: str) -> None:
    """Report a run failed whose lease ran out, unless it has finished."""
    run = instance.get_run_by_id(run_id)
    if run is not None and not run.is_finished:
        instance.report_run_failed(
            run, "The run's process died: its lease ran out. -> read its log, then run it again"
        )


def run_is_finished(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Tell whether a run will write no more; a run that this instance does not know may still be alive."""
    run = instance.get_run_by_id(run_id)
    return run is not None and run.is_finished
