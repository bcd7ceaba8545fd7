"""The feed sensor: one run per country and batch of content, again after a failure, never twice."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from jobs.batches import BATCH_TAG
from plateful.environments import Settings
from resources.feed import FeedResource
from sensors.new_menus import MAX_FAILURES, new_menus
from tests.conftest import feed_rows, write_feed


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as opened:
        yield opened


def _tick(instance: dg.DagsterInstance, settings: Settings) -> dg.SensorResult:
    context = dg.build_sensor_context(instance=instance, resources={"feed": FeedResource(path=settings.feed)})
    result = new_menus(context)
    assert isinstance(result, dg.SensorResult)
    return result


def _record(instance: dg.DagsterInstance, request: dg.RunRequest, status: dg.DagsterRunStatus) -> str:
    @dg.job(name="render_country")
    def stand_in() -> None: ...

    tags = {**request.tags, "dagster/partition": request.partition_key or ""}
    return instance.create_run_for_job(stand_in, status=status, tags=tags).run_id


def test_each_country_is_requested_once(instance: dg.DagsterInstance, settings: Settings) -> None:
    requests = _tick(instance, settings).run_requests or []
    assert sorted(request.partition_key or "" for request in requests) == ["DE", "SG"]
    assert _tick(instance, settings).run_requests == requests, "the same keys until a run exists"
    for request in requests:
        _record(instance, request, dg.DagsterRunStatus.STARTED)
    waiting = _tick(instance, settings)
    assert not waiting.run_requests
    assert "is working on this content" in str(waiting.skip_reason)


def test_only_changed_content_is_requested_whatever_the_clock_says(
    instance: dg.DagsterInstance, settings: Settings
) -> None:
    for request in _tick(instance, settings).run_requests or []:
        _record(instance, request, dg.DagsterRunStatus.SUCCESS)
    Path(settings.feed).touch()
    assert "unchanged since run" in str(_tick(instance, settings).skip_reason)
    rows = feed_rows()
    rows[0]["name"] = "Laksa"
    write_feed(Path(settings.feed), rows)
    (request,) = _tick(instance, settings).run_requests or []
    assert request.partition_key == "SG"
    _record(instance, request, dg.DagsterRunStatus.SUCCESS)
    write_feed(Path(settings.feed), feed_rows())
    (back,) = _tick(instance, settings).run_requests or []
    assert back.partition_key == "SG", "content that returns is a change too"


def test_a_failed_run_is_requested_again_until_it_is_hopeless(
    instance: dg.DagsterInstance, settings: Settings
) -> None:
    keys = set()
    for _ in range(MAX_FAILURES):
        requests = _tick(instance, settings).run_requests or []
        for request in requests:
            keys.add(request.run_key)
            _record(instance, request, dg.DagsterRunStatus.FAILURE)
    assert len(keys) == MAX_FAILURES * 2
    hopeless = _tick(instance, settings)
    assert not hopeless.run_requests
    assert f"failed {MAX_FAILURES} times" in str(hopeless.skip_reason)


def test_a_run_started_by_hand_counts(instance: dg.DagsterInstance, settings: Settings) -> None:
    requests = _tick(instance, settings).run_requests or []
    assert all(request.tags[BATCH_TAG].startswith(str(request.partition_key)) for request in requests)
