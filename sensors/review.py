"""A decision publishes: a country's newest one requests a publishing run until a run has carried it out.

The sensor keeps no cursor: runs carry the number of the newest decision that they were started with.
"""

import dagster as dg

from jobs.batches import DECISION_TAG
from jobs.country import publish_country
from resources.stores import LedgerResource
from resources.tags import PARTITION_TAG
from sensors.attempts import MAX_FAILURES, answered, busy, run_key, settled


@dg.sensor(
    job=publish_country,
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Publishes or retires images after a person decided in the review queue.",
)
def review_decisions(context: dg.SensorEvaluationContext, ledger: LedgerResource) -> dg.SensorResult:
    """Request one run per country whose newest decision no run has carried out."""
    newest = sorted(ledger.open().newest_decisions().items())
    answers = {country: _decide(context.instance, country, decision) for country, decision in newest}
    return answered(answers, "no decision was made yet")


def _decide(instance: dg.DagsterInstance, country: str, decision: int) -> dg.RunRequest | str:
    """Return the request, or why there is none."""
    tags = {DECISION_TAG: str(decision)}
    tried = instance.get_runs(dg.RunsFilter(tags={PARTITION_TAG: country, **tags}), limit=MAX_FAILURES)
    reason = busy(instance, country) or settled(tried)
    if reason is not None:
        return reason
    key = run_key(f"decision:{country}:{decision}", tried[0].run_id if tried else None)
    return dg.RunRequest(run_key=key, partition_key=country, tags=tags)
