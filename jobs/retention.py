"""Retention: old runs go with their events and step documents; what is still asked for stays.

Dagster keeps every run for ever, and its database grows with every one. Kept beyond their days are the runs
that a page or a sensor still reads: the newest materializations of every asset and partition, the newest runs
of every job and partition, and those that carried out a country's newest decision.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import dagster as dg

from jobs.batches import DECISION_TAG, PRODUCTS
from plateful.environments import utc_now
from plateful.ledger import Ledger
from plateful.stores import Lake
from plateful.stores.objects import remove_below
from resources.stores import LakeResource, LedgerResource
from resources.tags import PARTITION_TAG

FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
# The new_menus sensor looks back over three failures and what was made before them, others over three runs.
LOOKED_BACK = 4


class RetentionConfig(dg.Config):
    """How long runs are kept, and how many go at once."""

    # Days: beyond a re-execution's step documents (7), short enough that a busy installation stays small.
    keep_days: int = 14
    # Runs a sweep: 0.05 s each in Postgres, so that a first sweep ends within minutes; the next goes on.
    at_most: int = 5_000


def needed_runs(
    instance: dg.DagsterInstance, ledger: Ledger, groups: set[tuple[str, str | None]]
) -> set[str]:
    """Return the runs that pages and sensors still read, however old.

    Args:
        instance: the runs and their events.
        ledger: the decisions.
        groups: (job, partition or None) whose newest runs count.
    """
    return {*_made_by(instance), *_newest(instance, groups), *_decided(instance, ledger)}


def drop_runs(
    instance: dg.DagsterInstance, ledger: Ledger, lake: Lake, *, before: datetime, at_most: int
) -> list[str]:
    """Delete finished runs that were created before a time and are not needed, oldest first.

    Args:
        instance: the runs and their events.
        ledger: the decisions.
        lake: holds the runs' step documents, which go first: a kill leaves a run that the next sweep finds.
        before: aware UTC.
        at_most: how many to delete.

    Returns:
        The ids of the deleted runs.
    """
    chosen = dg.RunsFilter(statuses=FINISHED, created_before=before)
    oldest = instance.get_run_records(chosen, limit=at_most, ascending=True)
    needed = needed_runs(instance, ledger, _groups(oldest))
    # Of so many runs, at least `at_most` are not needed so far, if there are as many.
    old = instance.get_run_records(chosen, limit=at_most + len(needed), ascending=True)
    needed.update(_newest(instance, _groups(old) - _groups(oldest)))
    gone = [record.dagster_run.run_id for record in old if record.dagster_run.run_id not in needed][:at_most]
    for run_id in gone:
        remove_below(lake.root / "steps" / run_id)
        instance.delete_run(run_id)
    return gone


def _groups(records: Sequence[dg.RunRecord]) -> set[tuple[str, str | None]]:
    """Return (job, partition or None) of runs."""
    runs = (record.dagster_run for record in records)
    return {(run.job_name, run.tags.get(PARTITION_TAG)) for run in runs}


def _made_by(instance: dg.DagsterInstance) -> Iterator[str]:
    for key in instance.get_asset_keys():
        count = LOOKED_BACK if key == PRODUCTS else 1
        for partition in instance.get_materialized_partitions(key) or {None}:
            wanted = dg.AssetRecordsFilter(key, asset_partitions=None if partition is None else [partition])
            yield from (made.run_id for made in instance.fetch_materializations(wanted, limit=count).records)


def _newest(instance: dg.DagsterInstance, groups: set[tuple[str, str | None]]) -> Iterator[str]:
    for job, partition in groups:
        tags = {} if partition is None else {PARTITION_TAG: partition}
        chosen = dg.RunsFilter(job_name=job, tags=tags)
        yield from (run.run_id for run in instance.get_runs(chosen, limit=LOOKED_BACK))


def _decided(instance: dg.DagsterInstance, ledger: Ledger) -> Iterator[str]:
    for country, decision in ledger.newest_decisions().items():
        tags = {PARTITION_TAG: country, DECISION_TAG: str(decision)}
        chosen = dg.RunsFilter(tags=tags)
        yield from (run.run_id for run in instance.get_runs(chosen, limit=LOOKED_BACK))


# Nothing is handed on, so no table is written and no country's lease taken.
@dg.op(out=dg.Out(dg.Nothing, io_manager_key="step_io"))
def drop_old_runs(
    context: dg.OpExecutionContext, config: RetentionConfig, lake: LakeResource, ledger: LedgerResource
) -> None:
    """Delete the runs that are old and not needed."""
    before = utc_now() - timedelta(days=config.keep_days)
    gone = drop_runs(context.instance, ledger.open(), lake.open(), before=before, at_most=config.at_most)
    context.log.info(f"{len(gone)} runs from before {before:%F} deleted")


# No step needs a GPU: its run worker does it all.
@dg.job(
    executor_def=dg.in_process_executor,
    description="Delete old runs with their events and step documents; what is still asked for stays.",
)
def retention() -> None:
    """Delete old runs."""
    drop_old_runs()


nightly_retention = dg.ScheduleDefinition(
    name="nightly_retention",
    job=retention,
    cron_schedule="30 1 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Old runs go, daily at 01:30 UTC, before the countries.",
)
