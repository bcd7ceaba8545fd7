"""The feed sensor: one run per country and batch of content, again after a failure, never twice."""

from pathlib import Path

import dagster as dg
import pytest

from plateful.environments import Settings
from plateful.products.feed import Feed
from resources.feed import FeedResource
from sensors.attempts import MAX_FAILURES
from sensors.new_menus import new_menus
from tests.conftest import feed_rows, write_feed
from tests.recorded_runs import Record


def _look(instance: dg.DagsterInstance, settings: Settings, cursor: str | None) -> dg.SensorResult:
    feed = FeedResource(path=settings.feed)
    result = new_menus(dg.build_sensor_context(instance=instance, resources={"feed": feed}, cursor=cursor))
    assert isinstance(result, dg.SensorResult)
    return result


def _tick(instance: dg.DagsterInstance, settings: Settings) -> dg.SensorResult:
    return _look(instance, settings, _look(instance, settings, None).cursor)


def _made(feed: str, country: str) -> dict[str, str]:
    return {"feed": feed, "feed_content": Feed(feed).content_hash(country)}


def _work(materialize: Record, settings: Settings, request: dg.RunRequest, *, fails: bool = False) -> str:
    country = request.partition_key or ""
    return materialize(
        "render_country", "products", country, request.tags, _made(settings.feed, country), fails=fails
    )


def test_each_country_is_requested_once(
    instance: dg.DagsterInstance, settings: Settings, record: Record
) -> None:
    requests = _tick(instance, settings).run_requests or []
    assert sorted(request.partition_key or "" for request in requests) == ["DE", "SG"]
    assert _tick(instance, settings).run_requests == requests, "the same keys until a run exists"
    for request in requests:
        tags = {**request.tags, "dagster/partition": request.partition_key or ""}
        record("render_country", "STARTED", tags)
    waiting = _tick(instance, settings)
    assert not waiting.run_requests
    assert "is working on it" in str(waiting.skip_reason)


def test_only_changed_content_is_requested_whatever_the_clock_says(
    instance: dg.DagsterInstance, settings: Settings, materialize: Record
) -> None:
    for request in _tick(instance, settings).run_requests or []:
        _work(materialize, settings, request)
    Path(settings.feed).touch()
    assert "unchanged since run" in str(_tick(instance, settings).skip_reason)
    rows = feed_rows()
    rows[0]["name"] = "Laksa"
    write_feed(Path(settings.feed), rows)
    (request,) = _tick(instance, settings).run_requests or []
    assert request.partition_key == "SG"
    _work(materialize, settings, request)
    write_feed(Path(settings.feed), feed_rows())
    (back,) = _tick(instance, settings).run_requests or []
    assert back.partition_key == "SG", "content that returns is a change too"


@pytest.mark.parametrize("made", [True, False], ids=["after products", "before products"])
def test_a_failed_run_is_requested_again_until_it_is_hopeless(
    instance: dg.DagsterInstance, settings: Settings, materialize: Record, record: Record, made: bool
) -> None:
    keys = set()
    for _ in range(MAX_FAILURES):
        for request in _tick(instance, settings).run_requests or []:
            keys.add(request.run_key)
            if made:
                _work(materialize, settings, request, fails=True)
            else:
                tags = {**request.tags, "dagster/partition": request.partition_key or ""}
                record("render_country", "FAILURE", tags)
    assert len(keys) == MAX_FAILURES * 2
    hopeless = _tick(instance, settings)
    assert not hopeless.run_requests
    assert f"failed {MAX_FAILURES} times" in str(hopeless.skip_reason)


def test_a_materialization_by_hand_counts(
    instance: dg.DagsterInstance, settings: Settings, materialize: Record
) -> None:
    by_hand = materialize("__ASSET_JOB", "products", "SG", metadata=_made(settings.feed, "SG"))
    (request,) = _tick(instance, settings).run_requests or []
    assert request.partition_key == "DE"
    _work(materialize, settings, request)
    assert f"SG: unchanged since run {by_hand[:8]}" in str(_tick(instance, settings).skip_reason)


def test_runs_without_a_batch_hide_nothing(
    instance: dg.DagsterInstance, settings: Settings, materialize: Record, record: Record
) -> None:
    for request in _tick(instance, settings).run_requests or []:
        _work(materialize, settings, request)
    for _ in range(MAX_FAILURES):
        record("render_country", "FAILURE", {"dagster/partition": "SG"})
    assert "SG: unchanged since run" in str(_tick(instance, settings).skip_reason)


def test_a_country_of_another_feed_is_left_alone(
    instance: dg.DagsterInstance, settings: Settings, materialize: Record, tmp_path: Path
) -> None:
    other = str(write_feed(tmp_path / "mine.csv", feed_rows({"SG": [("Laksa", "prawn")]})))
    materialize("render_country", "products", "SG", metadata=_made(other, "SG"))
    (request,) = _tick(instance, settings).run_requests or []
    assert request.partition_key == "DE"
    _work(materialize, settings, request)
    reason = str(_tick(instance, settings).skip_reason)
    assert f"from feed {other}, not from {settings.feed}" in reason
    assert f"plateful run --feed {settings.feed} --country SG" in reason


def test_a_feed_that_is_being_copied_is_left_until_it_rests(
    instance: dg.DagsterInstance, settings: Settings
) -> None:
    path = Path(settings.feed)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    first = _look(instance, settings, None)
    assert not first.run_requests
    path.write_bytes(whole)
    second = _look(instance, settings, first.cursor)
    assert not second.run_requests
    assert "changing" in str(second.skip_reason)
    assert _look(instance, settings, second.cursor).run_requests
