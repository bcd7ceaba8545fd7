"""Faults of stores and processes in mid-run: run again, and every count, object, row and dollar is right."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli.execution import RunFailedError
from plateful.errors import PlatefulError
from plateful.models.weight_store import publish
from plateful.stores.s3 import S3Options
from tests.conftest import feed_rows, write_feed
from tests.servers.s3 import Fault
from tests.servers.shop import BATCH, COUNTRY, Shop
from tests.servers.snowflake_front import Loss

pytestmark = pytest.mark.timeout(600)
CANDIDATES = 6
PICTURES, PUBLISHED = "/live/lake/images/", "/live/published/"
PATIENCE = 240


def await_pictures(shop: Shop, least: int, alive: Callable[[], bool] = lambda: True) -> None:
    """Wait until so many candidates were sent to the store.

    Raises:
        AssertionError: they were not, or what sends them has ended.
    """
    deadline = time.monotonic() + PATIENCE
    while shop.renders() < least:
        assert alive() and time.monotonic() < deadline, f"{shop.renders()} of {least} pictures"
        time.sleep(0.05)


@contextmanager
def meanwhile(shop: Shop, pictures: int, act: Callable[[], None]) -> Iterator[None]:
    """Do something once so many pictures were sent, beside the block."""
    failed: list[BaseException] = []

    def watch() -> None:
        try:
            await_pictures(shop, pictures)
            act()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    yield
    thread.join(PATIENCE)
    assert not failed, failed


@pytest.mark.parametrize(
    "fault",
    [
        Fault(times=3, status=503),
        Fault(times=2, delay=2.0, method="PUT", path=PICTURES),
        Fault(times=2, drop="before", method="PUT"),
        Fault(times=1, drop="after", method="PUT", path=PICTURES),
        Fault(times=1, drop="after", method="PUT", path=PUBLISHED),
    ],
    ids=["503", "slow", "cut before", "reply of a picture lost", "reply of a published object lost"],
)
def test_an_object_store_that_falters_costs_only_time(shop: Shop, fault: Fault) -> None:
    shop.s3.faults.append(fault)
    total = shop.run()
    assert fault.times == 0, "the fault was met"
    shop.check(total, CANDIDATES)


def test_another_writers_412_is_that_the_picture_is_there(shop: Shop) -> None:
    total = shop.run()
    (first, *_) = shop.pictures()
    # Its row is lost, its file is not: the next run renders it and finds it there.
    folder = f"{shop.prefix.removeprefix('s3://lake/')}/live/lake"
    client = shop.s3.client()
    for key in shop.s3.keys("lake", f"{folder}/parts/generated_candidates"):
        client.delete_object(Bucket="lake", Key=key)
    before = client.head_object(Bucket="lake", Key=first)["LastModified"]
    again = shop.run()
    assert client.head_object(Bucket="lake", Key=first)["LastModified"] == before
    shop.check({**again, "published": total["published"]}, CANDIDATES)


def test_expired_credentials_are_named_and_lose_nothing(shop: Shop) -> None:
    fault = Fault(times=10_000, status=400, code="ExpiredToken", method="PUT", path=PICTURES)
    shop.s3.faults.append(fault)
    with pytest.raises(PlatefulError, match=r"(?i)expired"):
        shop.run()
    shop.s3.faults.clear()
    shop.check(shop.run(), CANDIDATES)


@pytest.mark.parametrize(
    "loss",
    [Loss("MERGE", ran=True), Loss("MERGE", ran=False), Loss("COMMIT", ran=False), Loss("COMMIT", ran=True)],
    ids=["after the merge", "before the merge", "before the commit", "after the commit"],
)
def test_snowflake_drops_the_session_around_its_merge(shop: Shop, loss: Loss) -> None:
    shop.snowflake.asked.faults.lose.append(loss)
    total = _run_until_done(shop)
    shop.check(total, CANDIDATES)


def test_postgres_restarts_in_mid_render(shop: Shop) -> None:
    with meanwhile(shop, 1, shop.postgres.restart):
        total = _run_until_done(shop)
    shop.check(total, CANDIDATES)


@pytest.mark.parametrize("pictures", [1, 2 * CANDIDATES], ids=["in the first batch", "in the second"])
def test_a_killed_process_repeats_at_most_a_batch(shop: Shop, pictures: int) -> None:
    dishes = [(f"Noodle soup number {number}", "egg") for number in range(20)]
    write_feed(Path(shop.settings.feed), feed_rows({COUNTRY: dishes}))
    process = shop.start()
    await_pictures(shop, pictures, alive=lambda: process.poll() is None)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    sent = shop.renders()
    shop.check(shop.run(), 40)
    assert shop.renders() - sent <= 40 - sent + BATCH


def test_two_backfills_of_one_country_render_it_once(shop: Shop) -> None:
    both = [shop.start(), shop.start()]
    ended = [(process.communicate(timeout=PATIENCE), process.returncode) for process in both]
    assert [status for _, status in ended] == [0, 0], ended
    assert shop.renders() == CANDIDATES
    shop.check(shop.run(), CANDIDATES)


@pytest.mark.parametrize("broken", ["truncated", "another"])
def test_broken_weights_stop_the_run_by_name_and_are_never_used(
    shop: Shop, broken: str, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(
        weights / "plateful-tiny",
        f"{shop.prefix}/micro/plateful-tiny",
        S3Options(shop.s3.endpoint, shop.s3.region),
    )
    monkeypatch.setenv("PLATEFUL_WEIGHTS", f"{shop.prefix}/micro")
    monkeypatch.setenv("PLATEFUL_WEIGHT_CACHE", str(tmp_path / "cache"))
    client, bucket = shop.s3.client(), "lake"
    folder = f"{shop.prefix.removeprefix('s3://lake/')}/micro/"
    found = client.list_objects_v2(Bucket=bucket, Prefix=folder)["Contents"]
    key = max(found, key=lambda each: each["Size"])["Key"]
    whole = client.get_object(Bucket=bucket, Key=key)["Body"].read()
    wrong = whole[: len(whole) // 2] if broken == "truncated" else bytes(len(whole))
    client.put_object(Bucket=bucket, Key=key, Body=wrong)
    with pytest.raises(PlatefulError, match=r"weight file|sha256"):
        shop.run()
    assert shop.pictures() == []
    client.put_object(Bucket=bucket, Key=key, Body=whole)
    shop.check(shop.run(), CANDIDATES)


def _run_until_done(shop: Shop) -> dict[str, int]:
    """Run, and once more where the fault ended the run with an error of ours."""
    try:
        return shop.run()
    except RunFailedError:
        return shop.run()
