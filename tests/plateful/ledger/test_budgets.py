"""Money in the ledger, on both databases: exact under threads, processes, kills and odd clocks."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import pytest

from plateful.errors import FencedError, StoreError
from plateful.ledger import Charge, Grant, Lease, Ledger, TeamDay

TTL = timedelta(minutes=30)
DAY = date(2026, 11, 21)
FORK = multiprocessing.get_context("fork")


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(url: str, clock: Clock) -> Iterator[Ledger]:
    opened = Ledger(url, clock)
    opened.migrate()
    yield opened
    opened.close()


@pytest.fixture
def lease(ledger: Ledger) -> Lease:
    return ledger.acquire_lease("SG", "run1", timedelta(days=9))


def reserve(ledger: Ledger, lease: Lease, amounts: list[int], key: str = "shard", **changes: Any) -> Grant:
    fields = {"team": "fish", "limit": 1000, "ttl": TTL, **changes}
    return ledger.budgets.reserve(key, fields.pop("team"), amounts, lease=lease, **fields)


def charges(ledger: Ledger, *costs: int, name: str = "c", **changes: Any) -> list[Charge]:
    fields = {
        "rendered_at": ledger._clock(), "team": "fish", "country": "SG", "application": "menu-item",
        "model": "tiny", "run_id": "run1", **changes,
    }  # fmt: skip
    return [Charge(candidate_id=f"{name}{n}", cost=cost, **fields) for n, cost in enumerate(costs)]


def money(ledger: Ledger, team: str = "fish") -> tuple[int, int]:
    today = ledger.budgets.team_day(team)
    return today.spent, today.reserved


def test_a_ledger_from_before_budgets_gets_them_and_keeps_what_it_has(url: str, clock: Clock) -> None:
    from alembic import command
    from alembic.config import Config

    import plateful.ledger.migrations as migrations

    old, config = Ledger(url, clock), Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with old._database.migrating() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    old.audit("event", "subject", "kept")
    old.migrate()
    assert [entry.detail for entry in old.audit_log()] == ["kept"]
    assert old.budgets.sums() == (0, 0)
    old.close()


def test_reserve_charge_settle(ledger: Ledger, lease: Lease) -> None:
    grant = reserve(ledger, lease, [100] * 5)
    assert (grant.granted, grant.held, money(ledger)) == (5, 500, (0, 500))
    assert ledger.budgets.charge(charges(ledger, 90, 110), grant) == 200
    assert money(ledger) == (200, 300)
    ledger.budgets.settle(grant)
    ledger.budgets.settle(grant)
    assert money(ledger) == (200, 0)
    assert ledger.budgets.metering() == (charges(ledger, 90, 110), 200)


def test_a_failed_shard_gives_back_what_it_did_not_use(ledger: Ledger, lease: Lease) -> None:
    grant = reserve(ledger, lease, [100] * 5)
    ledger.budgets.charge(charges(ledger, 100), grant)
    ledger.budgets.release(grant)
    assert money(ledger) == (100, 0)


def test_the_longest_run_that_fits_is_granted(ledger: Ledger, lease: Lease) -> None:
    assert reserve(ledger, lease, [400, 400, 400], "a").granted == 2
    assert reserve(ledger, lease, [201, 1], "b").granted == 0
    assert reserve(ledger, lease, [0, 200, 1], "c").granted == 2
    assert money(ledger) == (0, 1000)
    assert reserve(ledger, lease, [0, 0], "d").granted == 2, "what costs nothing needs no money"
    assert reserve(ledger, lease, [10**15], "e", limit=None).granted == 1


def test_a_limit_of_zero_lets_through_what_costs_nothing(ledger: Ledger, lease: Lease) -> None:
    assert reserve(ledger, lease, [1, 1], limit=0).granted == 0
    assert reserve(ledger, lease, [0, 0], limit=0).granted == 2


def test_each_team_and_day_has_its_own(ledger: Ledger, lease: Lease, clock: Clock) -> None:
    assert reserve(ledger, lease, [1000], "a").granted == 1
    assert reserve(ledger, lease, [1], "b").granted == 0
    assert reserve(ledger, lease, [1000], "c", team="meat").granted == 1
    clock.now += timedelta(days=1)
    assert reserve(ledger, lease, [1000], "d").granted == 1
    assert ledger.budgets.team_day("nobody") == TeamDay("nobody", clock.now.date())


def test_a_repeated_shard_holds_once(ledger: Ledger, lease: Lease) -> None:
    first = reserve(ledger, lease, [100] * 8)
    ledger.budgets.charge(charges(ledger, 100, 100, 100), first)
    # Killed after three pictures; the repeated step asks for the five that are left.
    again = reserve(ledger, lease, [100] * 5)
    assert again.granted == 5
    assert money(ledger) == (300, 500)
    # It finds two of the three pictures again: they are charged already.
    assert ledger.budgets.charge(charges(ledger, 100, 100), again) == 0
    assert money(ledger) == (300, 500)
    ledger.budgets.settle(again)
    assert money(ledger) == (300, 0)


def test_another_render_of_a_candidate_is_another_charge(ledger: Ledger, lease: Lease, clock: Clock) -> None:
    grant = reserve(ledger, lease, [100] * 2)
    ledger.budgets.charge(charges(ledger, 70), grant)
    clock.now += timedelta(seconds=1)
    ledger.budgets.charge(charges(ledger, 70), grant)
    assert money(ledger) == (140, 60)


def test_a_bill_above_what_was_reserved_is_paid_and_stops_the_next(ledger: Ledger, lease: Lease) -> None:
    grant = reserve(ledger, lease, [100] * 9)
    ledger.budgets.charge(charges(ledger, *[150] * 9), grant)
    assert money(ledger) == (1350, 0)
    assert reserve(ledger, lease, [1], "next").granted == 0
    ledger.budgets.settle(grant)
    assert money(ledger) == (1350, 0)


def test_a_found_picture_of_another_team_is_paid_by_that_team(ledger: Ledger, lease: Lease) -> None:
    grant = reserve(ledger, lease, [100])
    ledger.budgets.charge(charges(ledger, 60, team="meat"), grant)
    assert (money(ledger), money(ledger, "meat")) == ((0, 100), (60, 0))
    ledger.budgets.charge(charges(ledger, 60, name="found"))
    assert money(ledger) == (60, 100), "without a grant today pays"


def test_what_ran_out_is_swept_and_what_is_renewed_is_not(ledger: Ledger, lease: Lease, clock: Clock) -> None:
    dead, alive = reserve(ledger, lease, [400], "dead"), reserve(ledger, lease, [400], "alive")
    clock.now += TTL - timedelta(seconds=1)
    ledger.budgets.charge(charges(ledger, 100), alive)
    assert ledger.budgets.sweep() == 0
    clock.now += timedelta(seconds=1)
    assert ledger.budgets.sweep() == 1
    assert money(ledger) == (100, 300)
    assert [entry.event for entry in ledger.audit_log(1)] == ["budget.expired"]
    # It was only slow: what it spends still counts, and it can free nothing twice.
    ledger.budgets.charge(charges(ledger, 50, name="late"), dead)
    ledger.budgets.settle(dead)
    assert money(ledger) == (150, 300)


def test_reserving_sweeps_first(ledger: Ledger, lease: Lease, clock: Clock) -> None:
    reserve(ledger, lease, [1000], "dead")
    clock.now += TTL
    assert reserve(ledger, lease, [1000], "next").granted == 1


def test_the_next_run_of_a_country_frees_what_the_dead_one_held(
    ledger: Ledger, lease: Lease, clock: Clock
) -> None:
    reserve(ledger, lease, [600], "dead")
    other = ledger.acquire_lease("DE", "run2", TTL)
    assert reserve(ledger, other, [600], "germany").granted == 0, "another country's run may be alive"
    clock.now += timedelta(days=9)
    lease_of_next = ledger.acquire_lease("SG", "run3", TTL)
    clock.now -= timedelta(days=9)
    grant = reserve(ledger, lease_of_next, [1000], "next")
    assert (grant.granted, money(ledger)) == (1, (0, 1000))
    with pytest.raises(FencedError):
        reserve(ledger, lease, [1], "dead")
    assert money(ledger) == (0, 1000)


def test_two_countries_share_their_team_s_day(ledger: Ledger, lease: Lease) -> None:
    other = ledger.acquire_lease("DE", "run2", TTL)
    one, two = reserve(ledger, lease, [300] * 2, "sg"), reserve(ledger, other, [300] * 2, "de")
    assert (one.granted, two.granted) == (2, 1)
    ledger.budgets.charge(charges(ledger, 300, country="DE", run_id="run2"), two)
    assert [c.country for c in ledger.budgets.metering(country="DE")[0]] == ["DE"]
    assert ledger.budgets.metering(country="SG") == ([], 0)


def test_a_shard_over_midnight_is_paid_by_the_day_that_reserved(
    ledger: Ledger, lease: Lease, clock: Clock
) -> None:
    clock.now = datetime(2026, 11, 21, 23, 59, tzinfo=UTC)
    grant = reserve(ledger, lease, [500] * 2)
    clock.now += timedelta(minutes=2)
    ledger.budgets.charge(charges(ledger, 500), grant)
    ledger.budgets.settle(grant)
    assert ledger.budgets.team_days() == [TeamDay("fish", DAY, spent=500)]
    assert ledger.budgets.metering(since=date(2026, 11, 22)) == ([], 0)


@pytest.mark.parametrize("jump", [timedelta(days=1), -timedelta(days=1), timedelta(days=400)])
def test_a_clock_that_jumps_loses_no_money(
    ledger: Ledger, lease: Lease, clock: Clock, jump: timedelta
) -> None:
    first = reserve(ledger, lease, [600])
    clock.now += jump
    second = reserve(ledger, lease, [600])
    ledger.budgets.charge(charges(ledger, 600, name="second"), second)
    clock.now -= jump
    ledger.budgets.charge(charges(ledger, 600, name="first"), first)
    for grant in (first, second):
        ledger.budgets.settle(grant)
    days = {day.day: (day.spent, day.reserved) for day in ledger.budgets.team_days()}
    assert days == {DAY: (600, 0), DAY + jump: (600, 0)}


def test_the_time_zone_does_not_move_the_day(ledger: Ledger, lease: Lease, clock: Clock) -> None:
    clock.now = datetime.fromisoformat("2026-11-22T00:30:00+01:00").astimezone(UTC)
    assert reserve(ledger, lease, [1]).day == DAY


def test_negative_amounts_are_refused(ledger: Ledger, lease: Lease) -> None:
    with pytest.raises(StoreError, match="-1 micro-USD cannot be reserved"):
        reserve(ledger, lease, [5, -1])
    with pytest.raises(StoreError, match="cannot cost -1"):
        charges(ledger, -1)
    assert ledger.budgets.team_days() == []


def test_many_charges_at_once(ledger: Ledger, lease: Lease) -> None:
    grant = reserve(ledger, lease, [1] * 3000, limit=None)
    assert ledger.budgets.charge(charges(ledger, *[1] * 3000), grant) == 3000
    assert ledger.budgets.charge(charges(ledger, *[1] * 3001), grant) == 1
    assert money(ledger) == (3001, 0)


# -- under concurrency


def spend(ledger: Ledger, lease: Lease, name: str, limit: int, dice: np.random.Generator) -> int:
    """One shard: reserve, charge part by part what it really cost, settle or fail; return what it spent."""
    amounts = dice.integers(1, 40, dice.integers(1, 6)).tolist()
    grant = reserve(ledger, lease, amounts, name, limit=limit)
    costs = [int(dice.integers(amount + 1)) for amount in amounts[: grant.granted]]
    if costs:
        ledger.budgets.charge(charges(ledger, *costs, name=name, country=lease.country), grant)
        today = ledger.budgets.team_day("fish")
        assert today.spent + today.reserved <= limit
        (ledger.budgets.settle, ledger.budgets.release)[dice.integers(2)](grant)
    return sum(costs)


def test_200_threads_never_overspend_and_leave_nothing_reserved(ledger: Ledger) -> None:
    limit, barrier = 1500, Barrier(200)
    held = [ledger.acquire_lease(f"C{n}", f"run{n}", TTL) for n in range(10)]

    def work(number: int) -> int:
        dice = np.random.default_rng(number)
        barrier.wait()
        return spend(ledger, held[number % 10], f"{number}", limit, dice)

    with ThreadPoolExecutor(200) as pool:
        spent = sum(pool.map(work, range(200)))
    # The losers of the race left less than one of them wanted, or what others gave back.
    dice = np.random.default_rng(0)
    while spent < limit - 100:
        spent += spend(ledger, held[0], f"last-{spent}", limit, dice)
    assert limit - 100 <= spent <= limit
    assert money(ledger) == (spent, 0), "nothing is reserved"
    assert ledger.budgets.metering()[1] == spent, "and the day says what the charges add up to"


def test_processes_never_overspend_and_a_killed_one_s_money_comes_back(
    url: str, ledger: Ledger, clock: Clock
) -> None:
    ledger.close()
    limit, start, done, answers = 250, FORK.Barrier(3), FORK.Barrier(3), FORK.SimpleQueue()

    def work(number: int) -> None:
        book, dice = Ledger(url, Clock()), np.random.default_rng(number)
        lease = book.acquire_lease(f"C{number}", f"run{number}", TTL)
        start.wait()
        answers.put(sum(spend(book, lease, f"{number}-{n}", limit, dice) for n in range(3)))
        done.wait(120)
        reserve(book, lease, [1, 1], f"dead-{number}", limit=None)
        os.kill(os.getpid(), signal.SIGKILL)

    processes = [FORK.Process(target=work, args=(number,)) for number in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert {process.exitcode for process in processes} == {-signal.SIGKILL}
    spent = sum(answers.get() for _ in processes)
    assert money(ledger) == (spent, 6), "each died holding two micro-dollars"
    assert ledger.budgets.metering()[1] == spent <= limit
    clock.now += TTL
    assert ledger.budgets.sweep() == 3
    assert money(ledger) == (spent, 0)


def test_killed_between_reserving_and_settling(url: str, ledger: Ledger) -> None:
    ledger.close()

    def work() -> None:
        book = Ledger(url, Clock())
        grant = reserve(book, book.acquire_lease("SG", "run1", TTL), [100] * 4)
        book.budgets.charge(charges(book, 90, 90), grant)
        os.kill(os.getpid(), signal.SIGKILL)

    process = FORK.Process(target=work)
    process.start()
    process.join()
    assert (process.exitcode, money(ledger)) == (-signal.SIGKILL, (180, 220))
    # The run that goes on frees it, and pays for a picture that the dead one stored and did not charge.
    lease = ledger.acquire_lease("SG", "run2", TTL, owner_finished=lambda _: True)
    ledger.budgets.charge(charges(ledger, 90, 90, 90))
    grant = reserve(ledger, lease, [100], "rest")
    assert money(ledger) == (270, 100)
    ledger.budgets.charge([replace(charge, candidate_id="c3") for charge in charges(ledger, 95)], grant)
    ledger.budgets.settle(grant)
    assert money(ledger) == (365, 0)
