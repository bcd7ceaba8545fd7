"""Runs jobs through Dagster: in this process, or where production queues them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

import dagster as dg

from cli.stopping import GRACE_SECONDS, Stopped, beside
from jobs.batches import decision_tags
from plateful.environments import Settings, open_ledger
from plateful.errors import ConfigError, PlatefulError
from plateful.ledger import Ledger
from resources.dead_runs import run_is_finished
from resources.tags import PARTITION_TAG
from sensors.failures import root_cause

if TYPE_CHECKING:
    from cli.submission import Webserver

ENDED = ("RUN_FAILURE", "PIPELINE_FAILURE", "RUN_CANCELED", "PIPELINE_CANCELED")
# Dagster's console logger repeats every event; the CLI shows progress and one line per error instead.
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class JobRun:
    """One finished run."""

    run_id: str
    seconds: dict[str, float]


class RunFailedError(PlatefulError):
    """A run ended in failure; its message is the failed step's."""


Finish = Callable[[], JobRun]


def run_job(
    name: str,
    instance: dg.DagsterInstance,
    settings: Settings,
    *,
    partition: str | None,
    tags: Mapping[str, str] | None = None,
) -> JobRun:
    """Execute one job and wait for it (see `started_job`)."""
    with started_job(name, instance, settings, partition=partition, tags=tags) as finish:
        return finish()


@contextmanager
def started_job(
    name: str,
    instance: dg.DagsterInstance,
    settings: Settings,
    *,
    partition: str | None,
    tags: Mapping[str, str] | None = None,
) -> Iterator[Finish]:
    """Give what runs a job to its end: in this process, or at the Dagster webserver, queued there on entry.

    Args:
        name: job name.
        instance: where the run is recorded.
        settings: feed, stores and model of the run; a queued one takes those of its pods. `dagster_url` says
            which of the two it is.
        partition: partition key, None for an unpartitioned job.
        tags: run tags.

    Raises:
        RunFailedError: a step failed; names it and the fix.
        Stopped: the process was told to end; the run is canceled, and its partition free.
    """
    chosen = {**decision_tags(open_ledger(settings.ledger), partition), **(tags or {})}
    if settings.dagster_url is None:
        yield partial(_run_here, name, instance, settings, partition, chosen)
        return
    # Imported here: a laptop without a cluster does without its client.
    from cli.submission import Webserver

    server = Webserver(settings.dagster_url, instance)
    place = {} if partition is None else {PARTITION_TAG: partition}
    run_id = server.submit(name, {**chosen, **place})
    try:
        yield partial(_await_queued, server, instance, run_id, name, partition)
    except Stopped:
        server.cancel(run_id)
        raise


def _await_queued(
    server: "Webserver", instance: dg.DagsterInstance, run_id: str, name: str, partition: str | None
) -> JobRun:
    run = server.follow(run_id, partition or name)
    if not run.is_success:
        records = instance.all_logs(run_id)
        events = [record.dagster_event for record in records if record.dagster_event is not None]
        raise _failure(name, partition, events)
    return JobRun(run_id, step_seconds(instance, run_id))


def _run_here(
    name: str,
    instance: dg.DagsterInstance,
    settings: Settings,
    partition: str | None,
    tags: Mapping[str, str],
) -> JobRun:
    from definitions import build_definitions

    job = build_definitions(settings).resolve_job_def(name)
    ledger, run_id = open_ledger(settings.ledger), str(uuid4())
    running = beside(
        lambda: job.execute_in_process(
            run_config=QUIET,
            instance=instance,
            partition_key=partition,
            run_id=run_id,
            tags=dict(tags),
            raise_on_error=False,
        )
    )
    try:
        result = running.result()
    except Stopped:
        # The process ends all the same where this cannot be recorded, e.g. on a full disk.
        with suppress(Exception):
            _cancel(instance, ledger, run_id, running)
        raise
    if not result.success:
        raise _failure(name, partition, result.all_events)
    return JobRun(result.run_id, step_seconds(instance, result.run_id))


def _cancel(instance: dg.DagsterInstance, ledger: Ledger, run_id: str, running: Future) -> None:
    """Record that a run was stopped, and free its country.

    Without its lease it ends where it next asks whether it may write; it has GRACE_SECONDS to get there.
    """
    run = instance.get_run_by_id(run_id)
    if run is None or run.is_finished:
        return
    instance.report_run_canceling(run, "The command was told to end.")
    ledger.release_owner(run_id)
    wait([running], timeout=GRACE_SECONDS)
    if not run_is_finished(instance, run_id):
        instance.report_run_canceled(run, "The command ended in mid-step. -> run the same command to go on")


def step_seconds(instance: dg.DagsterInstance, run_id: str) -> dict[str, float]:
    """Return a run's seconds by stage: one entry per asset, all checks together."""
    seconds: dict[str, float] = {}
    for step in instance.get_run_step_stats(run_id):
        if step.start_time is None or step.end_time is None:
            continue
        stage = "checks" if "contract" in step.step_key else step.step_key.split(".")[0]
        seconds[stage] = round(seconds.get(stage, 0.0) + step.end_time - step.start_time, 3)
    return seconds


def check_country(country: str) -> str:
    """Return a country code as written in the partition list.

    Raises:
        ConfigError: no such country.
    """
    from plateful.countries import COUNTRIES

    code = country.strip().upper()
    if code not in COUNTRIES:
        known = ", ".join(sorted(COUNTRIES))
        raise ConfigError(
            f"country {country!r} is unknown", fix=f"use an ISO 3166-1 alpha-2 code of: {known}"
        )
    return code


def _failure(name: str, partition: str | None, events: Sequence[dg.DagsterEvent]) -> RunFailedError:
    where = f"{name} {partition or ''}".strip()
    # Before the steps: a broken contract also fails the step that checked it, with less to say.
    checked = [
        e.asset_check_evaluation_data for e in events if e.event_type_value == "ASSET_CHECK_EVALUATION"
    ]
    failed = [check for check in checked if not check.passed]
    if failed:
        text = f"{failed[0].asset_key.to_user_string()} broke its contract: {failed[0].description}"
        return RunFailedError(
            f"{where}: {text}", fix="open the check in the Dagster UI (make dev); nothing after it was run"
        )
    steps = [event for event in events if event.event_type_value == "STEP_FAILURE"]
    if steps:
        message, fix = _message(steps[0])
        return RunFailedError(f"{where}, step {steps[0].step_key}: {message}", fix=fix)
    reasons = [event for event in events if event.event_type_value in ENDED]
    message, fix = (
        _message(reasons[0]) if reasons else ("no event says why", "open the run in the Dagster UI")
    )
    return RunFailedError(f"{where}: {message}", fix=fix)


def _message(event: dg.DagsterEvent) -> tuple[str, str]:
    failure = getattr(event.event_specific_data, "user_failure_data", None)
    text = (failure and failure.description) or root_cause(event) or "unknown error"
    text = " ".join(text.split())
    if " -> " in text:
        message, fix = text.rsplit(" -> ", 1)
        return message, fix
    return text[:600], "open the run in the Dagster UI (make dev) for the stack trace"
