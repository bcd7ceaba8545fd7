"""One line per failed run: what failed, where, and what to do."""

import dagster as dg

from plateful.environments import load_settings, open_ledger


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
    run, message = context.dagster_run, context.failure_event.message or ""
    steps = [event for event in context.get_step_failure_events() if event.step_key]
    if steps and steps[0].event_specific_data is not None:
        error = getattr(steps[0].event_specific_data, "error", None)
        cause = error and (error.cause or error)
        message = cause.message if cause else message
    country = run.tags.get("dagster/partition", "-")
    step = steps[0].step_key if steps else "-"
    line = " ".join(message.split())[:300]
    context.log.error(f"{run.job_name} {country} failed at {step}: {line} | do: {what_to_do(line)}")
    open_ledger(load_settings().ledger).release_owner(run.run_id)
