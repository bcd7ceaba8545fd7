"""A decision publishes: each new review decision requests a publishing run of its country."""

import dagster as dg

from jobs.country import publish_country
from resources.stores import LedgerResource


@dg.sensor(
    job=publish_country,
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Publishes or retires images after a person decided in the review queue.",
)
def review_decisions(context: dg.SensorEvaluationContext, ledger: LedgerResource) -> dg.SensorResult:
    """Request one run per country with decisions newer than the cursor."""
    seen = int(context.cursor or 0)
    newest = ledger.open().newest_decisions(after_id=seen)
    if not newest:
        return dg.SensorResult(skip_reason=f"no decision after number {seen}")
    requests = [
        dg.RunRequest(run_key=f"decision:{country}:{decision}", partition_key=country)
        for country, decision in sorted(newest.items())
    ]
    return dg.SensorResult(run_requests=requests, cursor=str(max(newest.values())))
