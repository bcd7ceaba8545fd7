"""Jobs over one country: the whole pipeline, and publishing alone after a decision."""

from collections.abc import Iterator

import dagster as dg

from jobs.batches import batch_tags, made_from_other
from resources.feed import FeedResource

COUNTRY_GROUPS = ("catalog", "prompts", "generation", "gates", "review", "publishing")

render_country = dg.define_asset_job(
    "render_country",
    selection=dg.AssetSelection.groups(*COUNTRY_GROUPS),
    description="Feed to published images, for one country. The main job.",
)

publish_country = dg.define_asset_job(
    "publish_country",
    selection=dg.AssetSelection.groups("review", "publishing"),
    description="Carry out review decisions: publish what was approved, retire what was rejected.",
    # No step needs a GPU: its run worker does it all.
    executor_def=dg.in_process_executor,
)


@dg.schedule(
    job=render_country,
    cron_schedule="0 3 * * *",
    description="Every country of the feed, daily at 03:00 UTC.",
)
def daily(context: dg.ScheduleEvaluationContext, feed: FeedResource) -> Iterator[dg.RunRequest]:
    """Request one run per country of the feed; an unchanged country renders nothing.

    A country whose products came from another feed is left out.
    """
    day = context.scheduled_execution_time.date().isoformat()
    source = feed.open()
    for country in source.countries():
        other = made_from_other(context.instance, source, country)
        if other is not None:
            context.log.info(f"{country} is left out: {other}")
            continue
        tags = batch_tags(source, country)
        yield dg.RunRequest(run_key=f"{day}:{country}", partition_key=country, tags=tags)
