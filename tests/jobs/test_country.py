"""The daily schedule: one run per country and day, none that would replace another feed."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from jobs.country import daily
from plateful.environments import Settings
from plateful.products.feed import Feed
from resources.feed import FeedResource
from tests.conftest import feed_rows, write_feed
from tests.recorded_runs import Record


def requests(instance: dg.DagsterInstance, settings: Settings) -> list[dg.RunRequest]:
    context = dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=datetime(2026, 11, 21, 3, tzinfo=UTC),
        resources={"feed": FeedResource(path=settings.feed)},
    )
    return list(daily(context))


def test_every_country_once_a_day(instance: dg.DagsterInstance, settings: Settings) -> None:
    found = requests(instance, settings)
    assert sorted(one.partition_key or "" for one in found) == ["DE", "SG"]
    assert {one.run_key for one in found} == {"2026-11-21:DE", "2026-11-21:SG"}
    assert found == requests(instance, settings)


def test_a_country_of_another_feed_is_left_out(
    instance: dg.DagsterInstance, settings: Settings, materialize: Record, tmp_path: Path
) -> None:
    other = str(write_feed(tmp_path / "mine.csv", feed_rows({"SG": [("Laksa", "prawn")]})))
    made = {"feed": other, "feed_content": Feed(other).content_hash("SG")}
    materialize("render_country", "products", "SG", metadata=made)
    assert [one.partition_key for one in requests(instance, settings)] == ["DE"]
