"""Runs jobs through Dagster in this process, on the instance that the UI shows."""

import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import dagster as dg
from upath import UPath

from cli.stopping import GRACE_SECONDS, Stopped, beside
from jobs.batches import decision_tags
from jobs.events import write_events_in_batches
from plateful.environments import ROOT, Settings, open_ledger, utc_now
from plateful.errors import ConfigError, PlatefulError
from plateful.ledger import Ledger
from plateful.stores.locks import exclusive
from plateful.stores.objects import replace
from resources.dead_runs import report_dead_runs, run_is_finished
from sensors.failures import root_cause

# Creating Dagster's tables takes 1-2 s on an idle machine.
SETUP_TIMEOUT = 60.0
# Dagster's console logger repeats every event; the CLI shows progress and one line per error instead.
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class JobRun:
    """One finished run."""

    run_id: str
    seconds: dict[str, float]


class RunFailedError(PlatefulError):
    """A run ended in failure; its message is the failed step's."""


@contextmanager
def open_instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """Open the Dagster instance under the state folder, creating its configuration on first use.

    Runs that died are reported failed, so that nothing waits for them.
    """
    home = settings.dagster_home
    os.environ["DAGSTER_HOME"] = str(home)
    write_events_in_batches()
    # Dagster marks partitioned checks as a preview; the pinned version carries them.
    warnings.filterwarnings("ignore", message="Specifying a partitions_def on an AssetCheckSpec")
    warnings.filterwarnings("ignore", category=UserWarning)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    # Dagster creates its tables without a lock; two first runs at once would both try.
    with exclusive(home / "setup.lock", timeout=SETUP_TIMEOUT):
        _configure(home / "dagster.yaml", (ROOT / "dagster.yaml").read_bytes())
        opened = dg.DagsterInstance.get()
    with opened as instance:
        report_dead_runs(instance, open_ledger(settings.ledger), grace=settings.lease_grace, now=utc_now())
        yield instance


def _configure(path: Path, wanted: bytes) -> None:
    # A UI that reads the file at any moment finds a whole one.
    if not path.is_file() or path.read_bytes() != wanted:
        replace(UPath(path), wanted)


def run_job(
    name: str,
    instance: dg.DagsterInstance,
    settings: Settings,
    *,
    partition: str | None,
    tags: Mapping[str, str] | None = None,
) -> JobRun:
    """Execute one job in process and wait for it.

    Args:
        name: job name.
        instance: where the run is recorded.
        settings: feed, stores and model of the run.
        partition: partition key, None for an unpartitioned job.
        tags: run tags.

    Raises:
        RunFailedError: a step failed; names it and the fix.
        Stopped: the process was told to end; the run is canceled, and its partition free.
    """
    from definitions import build_definitions

    job = build_definitions(settings).resolve_job_def(name)
    ledger, run_id = open_ledger(settings.ledger), str(uuid4())
    running = beside(
        lambda: job.execute_in_process(
            run_config=QUIET,
            instance=instance,
            partition_key=partition,
            run_id=run_id,
            tags={**decision_tags(ledger, partition), **(tags or {})},
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
        raise _failure(name, partition, result)
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


def _failure(name: str, partition: str | None, result: dg.ExecuteInProcessResult) -> RunFailedError:
    where = f"{name} {partition or ''}".strip()
    # Before the steps: a broken contract also fails the step that checked it, with less to say.
    failed = [check for check in result.get_asset_check_evaluations() if not check.passed]
    if failed:
        text = f"{failed[0].asset_key.to_user_string()} broke its contract: {failed[0].description}"
        return RunFailedError(
            f"{where}: {text}", fix="open the check in the Dagster UI (make dev); nothing after it was run"
        )
    for event in result.all_events:
        if event.event_type_value == "STEP_FAILURE":
            message, fix = _message(event)
            return RunFailedError(f"{where}, step {event.step_key}: {message}", fix=fix)
    reasons = [
        event for event in result.all_events if event.event_type_value in ("RUN_FAILURE", "PIPELINE_FAILURE")
    ]
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
