"""What has been tried already: sensors ask Dagster's own runs and keep no state that a restart could lose."""

from collections.abc import Mapping, Sequence

import dagster as dg

from resources.tags import PARTITION_TAG

# Work that failed this often waits for a person: the third failure in a row is not bad luck.
MAX_FAILURES = 3
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def busy(instance: dg.DagsterInstance, partition: str) -> str | None:
    """Say which run works on a partition, whoever started it; None when none does."""
    runs = instance.get_runs(dg.RunsFilter(tags={PARTITION_TAG: partition}, statuses=UNFINISHED), limit=1)
    return f"run {runs[0].run_id[:8]} is working on it" if runs else None


def settled(attempts: Sequence[dg.DagsterRun]) -> str | None:
    """Say why a piece of work needs no further run, given the runs that tried it; None when it does.

    Args:
        attempts: the newest runs that tried it, at least `MAX_FAILURES` of them if there are as many.
    """
    for run in attempts:
        if not run.is_finished:
            return f"run {run.run_id[:8]} is working on it"
        if run.is_success:
            return f"unchanged since run {run.run_id[:8]}"
    if len(attempts) >= MAX_FAILURES:
        last = attempts[0].run_id[:8]
        return f"failed {MAX_FAILURES} times, last in run {last}; fix it and re-execute that run"
    return None


def answered(answers: Mapping[str, dg.RunRequest | str], nothing: str) -> dg.SensorResult:
    """Return the requests among the countries' answers, or every country's reason for having none."""
    requests = [answer for answer in answers.values() if isinstance(answer, dg.RunRequest)]
    if requests:
        return dg.SensorResult(run_requests=requests)
    reasons = [f"{country}: {answer}" for country, answer in answers.items()]
    return dg.SensorResult(skip_reason="; ".join(reasons) or nothing)


def run_key(work: str, after: str | None) -> str:
    """Return a key that names the run which this one follows.

    Dagster itself then drops a request made twice for one reason.
    """
    return f"{work}:after:{after or 'none'}"
