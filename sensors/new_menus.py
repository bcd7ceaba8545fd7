"""Regenerate on new menus: one run per country and batch of feed content.

The sensor keeps no state of its own. A country's last run says which content it worked on (`plateful/batch`,
a hash of the rows), so a restart of the daemon, or a run started by hand from the CLI, never leads to a
second run.
"""

import dagster as dg

from jobs.batches import BATCH_TAG, batch_tags
from jobs.country import render_country
from plateful.products.feed import Feed
from resources.feed import FeedResource

# A batch that failed this often waits for a person: the third failure in a row is not bad luck.
MAX_FAILURES = 3


@dg.sensor(
    job=render_country,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Requests a run per country with new or changed feed content, and again when it failed.",
)
def new_menus(context: dg.SensorEvaluationContext, feed: FeedResource) -> dg.SensorResult:
    """Compare each country's feed content with the content of its latest run."""
    source = feed.open()
    requests, skipped = [], []
    for country in source.countries():
        request, reason = _decide(context.instance, source, country)
        if request is None:
            skipped.append(f"{country}: {reason}")
        else:
            requests.append(request)
    if requests:
        return dg.SensorResult(run_requests=requests)
    return dg.SensorResult(skip_reason="; ".join(skipped) or "the feed has no countries")


def _decide(instance: dg.DagsterInstance, feed: Feed, country: str) -> tuple[dg.RunRequest | None, str]:
    tags = batch_tags(feed, country)
    runs = instance.get_runs(
        dg.RunsFilter(job_name=render_country.name, tags={"dagster/partition": country}), limit=MAX_FAILURES
    )
    runs = [run for run in runs if BATCH_TAG in run.tags]
    latest = runs[0] if runs else None
    if latest is None or latest.tags[BATCH_TAG] != tags[BATCH_TAG]:
        return _request(country, tags, after=latest), "new content"
    if not latest.is_finished:
        return None, f"run {latest.run_id[:8]} is working on this content"
    if latest.is_success:
        return None, f"unchanged since run {latest.run_id[:8]}"
    failed = [run for run in runs if run.tags[BATCH_TAG] == tags[BATCH_TAG] and run.is_finished]
    if len(failed) >= MAX_FAILURES and not any(run.is_success for run in failed):
        return (
            None,
            f"failed {MAX_FAILURES} times, last in run {latest.run_id[:8]}; fix it and re-execute that run",
        )
    return _request(country, tags, after=latest), "failed before"


def _request(country: str, tags: dict[str, str], after: dg.DagsterRun | None) -> dg.RunRequest:
    # The key names the run that this one follows, so Dagster itself drops a request made twice for one
    # reason.
    key = f"{tags[BATCH_TAG]}:after:{after.run_id if after else 'none'}"
    return dg.RunRequest(run_key=key, partition_key=country, tags=tags)
