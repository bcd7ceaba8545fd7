"""Regenerate on new menus: one run per country and batch of feed content.

The sensor keeps no record of its own. The last materialization of `products` says which content of which
feed a country was made from, and runs carry the content that they were requested for (`plateful/batch`), so
neither a restart of the daemon nor a run started by hand, in the UI or the CLI, leads to a second run. The
cursor only tells whether the feed's files have come to rest.
"""

from collections.abc import Sequence

import dagster as dg

from jobs.batches import BATCH_TAG, Made, batch_tags, last_made, made_from_other
from jobs.country import render_country
from plateful.products.feed import ProductFeed
from resources.feed import FeedResource
from resources.tags import PARTITION_TAG
from sensors.attempts import MAX_FAILURES, answered, busy, run_key, settled


@dg.sensor(
    job=render_country,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Requests a run per country with new or changed feed content, and again when it failed.",
)
def new_menus(context: dg.SensorEvaluationContext, feed: FeedResource) -> dg.SensorResult:
    """Compare each country's feed content with the content that its products were made from."""
    source = feed.open()
    state = source.state()
    if state != context.cursor:
        # Half a file is a valid shorter feed, and what it lacks would be retired.
        return dg.SensorResult(
            skip_reason="the feed's files are new or changing; they are read when two looks agree",
            cursor=state,
        )
    answers = {country: _decide(context.instance, source, country) for country in source.countries()}
    return answered(answers, "the feed has no countries")


def _decide(instance: dg.DagsterInstance, feed: ProductFeed, country: str) -> dg.RunRequest | str:
    """Return the request, or why there is none."""
    working = busy(instance, country)
    if working is not None:
        return working
    other = made_from_other(instance, feed, country)
    if other is not None:
        return other
    # One more than the failures that are borne: after those of one content, the content before it.
    tags, made = batch_tags(feed, country), last_made(instance, country, MAX_FAILURES + 1)
    attempts = _attempts(instance, country, feed.content_hash(country), tags, made)
    reason = settled(attempts)
    if reason is not None:
        return reason
    last = next((one.run_id for one in (*attempts, *made)), None)
    return dg.RunRequest(run_key=run_key(tags[BATCH_TAG], last), partition_key=country, tags=tags)


def _attempts(
    instance: dg.DagsterInstance, country: str, content: str, tags: dict[str, str], made: Sequence[Made]
) -> list[dg.DagsterRun]:
    """Return the runs on this content since there was other content: those asked for it, then others."""
    since = next((one.at for one in made if one.content != content), None)
    asked = dg.RunsFilter(tags={PARTITION_TAG: country, **tags}, created_after=since)
    runs = list(instance.get_runs(asked, limit=MAX_FAILURES))
    last = instance.get_run_by_id(made[0].run_id) if made and made[0].content == content else None
    return runs if last is None or last in runs else [*runs, last]
