"""Failures: one line per failed run with what to do, and runs that died without saying so."""

import re

import dagster as dg

from plateful.environments import load_settings, open_ledger, utc_now
from resources.dead_runs import report_dead_runs
from resources.tags import PARTITION_TAG


def root_cause(event: dg.DagsterEvent) -> str:
    """Return the message of the first error of ours in a failure's causes, else of the last cause."""
    text, error = "", getattr(event.event_specific_data, "error", None)
    while error is not None:
        # Dagster writes the class in front.
        text = re.sub(r"^[\w.]+: ", "", error.message)
        if " -> " in text:
            break
        error = error.cause
    return text


def what_to_do(message: str) -> str:
    """Return the fix that an error of ours carries, else where to look."""
    if " -> " in message:
        return message.rsplit(" -> ", 1)[1].splitlines()[0]
    return "open the run in the Dagster UI, read the failed step, then re-execute from failure"


@dg.run_failure_sensor(
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Logs one line per failed run with what to do, and frees its country.",
)
def run_failures(context: dg.RunFailureSensorContext) -> None:
    """Log the failure and release the run's lease."""
    run, event = context.dagster_run, context.failure_event
    steps = [step for step in context.get_step_failure_events() if step.step_key]
    message = root_cause(steps[0] if steps else event) or event.message or ""
    country = run.tags.get(PARTITION_TAG, "-")
    step = steps[0].step_key if steps else "-"
    line = " ".join(message.split())[:300]
    context.log.error(f"{run.job_name} {country} failed at {step}: {line} | do: {what_to_do(line)}")
    open_ledger(load_settings().ledger).release_owner(run.run_id)


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Reports runs failed whose process died, so that they block neither queue nor country.",
)
def dead_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Report the runs that died since the last tick."""
    settings = load_settings()
    ledger = open_ledger(settings.ledger)
    dead = report_dead_runs(context.instance, ledger, grace=settings.lease_grace, now=utc_now())
    return dg.SkipReason(f"reported failed: {', '.join(dead)}" if dead else "every started run is alive")
