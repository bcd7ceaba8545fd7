"""What only a server can do to the ledger: go away, come back, refuse, and tell clocks that differ."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from plateful.errors import ConfigError, FencedError, LeaseHeldError, StoreError
from plateful.ledger import Decision, Ledger, Publication
from plateful.ledger import postgres as server_side
from plateful.ledger.database import WAITS, UnknownOutcomeError
from plateful.ledger.leases import database_clock
from plateful.ledger.repeating import repeated
from tests.servers.postgres import PASSWORD, PostgresServer

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
TTL = timedelta(minutes=5)
Opener = Callable[..., Ledger]


def clock() -> datetime:
    return NOW


@pytest.fixture
def opened(postgres: PostgresServer, postgres_database: str) -> Iterator[Opener]:
    """Opens ledgers on one database, and closes them."""
    ledgers: list[Ledger] = []

    def open_one(clock: Callable[[], datetime] = clock, **options: Any) -> Ledger:
        ledger = Ledger(postgres.url(postgres_database), clock, PASSWORD, **options)
        ledgers.append(ledger)
        ledger.migrate()
        return ledger

    yield open_one
    for ledger in ledgers:
        ledger.close()


def cut_off(server: PostgresServer, database: str) -> None:
    """End every other session of a database, as a failing network or an administrator does."""
    with closing(server.connect()) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", [database]
        )


def wait_for_blocked(server: PostgresServer, database: str) -> None:
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
    deadline = time.monotonic() + 30
    with closing(server.connect()) as connection, connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute(query, [database])
            if cursor.fetchone() != (0,):
                return
    raise AssertionError("nobody waits for a lock")


def decision(candidate: str = "c") -> Decision:
    return Decision("SG", "r", "p", "h", candidate, "approved", "ana", "good", NOW)


def change(name: str = "i") -> Publication:
    return Publication(name, "SG", "p", "c", "live", "sha", 1)


# -- a server that goes away


def test_after_a_restart_the_next_call_works(postgres: PostgresServer, opened: Opener) -> None:
    ledger = opened()
    ledger.audit("event", "subject", "before")
    postgres.restart()
    ledger.audit("event", "subject", "after")
    postgres.restart()
    assert [entry.detail for entry in ledger.audit_log()] == ["after", "before"]


def test_a_call_waits_for_a_server_that_restarts(postgres: PostgresServer, opened: Opener) -> None:
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            postgres.start()

    ledger = opened(sleep=sleep)
    postgres.kill()
    assert ledger.note_failure("SG", "r", "render", "x") == 1
    assert waits == [0.1, 0.2, 0.4]


def test_a_server_that_stays_away_is_one_clear_error(postgres: PostgresServer, opened: Opener) -> None:
    waits: list[float] = []
    ledger = opened(sleep=waits.append)
    postgres.stop()
    try:
        with pytest.raises(
            StoreError, match=r"ledger postgresql\+psycopg2://plateful@127.*refused"
        ) as caught:
            ledger.audit_log()
    finally:
        postgres.start()
    assert waits == list(WAITS)
    assert "server runs and is reachable" in caught.value.fix
    assert PASSWORD not in str(caught.value)


def test_a_transaction_cut_off_in_the_middle_is_done_once(
    postgres: PostgresServer, opened: Opener, postgres_database: str
) -> None:
    cuts = iter([True])

    def cutting() -> datetime:
        if next(cuts, False):
            cut_off(postgres, postgres_database)
        return NOW

    assert opened(cutting, sleep=lambda _: None).note_failure("SG", "r", "render", "x") == 1
    assert opened().quarantined("SG", 1) == {"r": "render: x"}
    assert opened().note_failure("SG", "r", "render", "x") == 2


@pytest.mark.parametrize("committed", [True, False])
def test_when_the_reply_to_a_commit_is_lost(
    postgres: PostgresServer, opened: Opener, postgres_database: str, committed: bool
) -> None:
    ledger = opened(sleep=lambda _: None)
    lease = ledger.acquire_lease("SG", "run1", TTL)
    cuts: list[bool] = []

    def cut(connection: Any) -> None:
        if cuts:
            cuts.pop()
            if committed:
                # Committed; what the client commits afterwards has no reply.
                connection.connection.dbapi_connection.commit()
                connection.connection.dbapi_connection.cursor().execute("SELECT 1")
            cut_off(postgres, postgres_database)

    event.listen(ledger._database.engine, "commit", cut)
    cuts.append(True)
    ledger.record_publications([change()], lease)
    assert [p.image_id for p in ledger.publications("SG")] == ["i"], "what counts once is done again"
    cuts.append(True)
    with pytest.raises(UnknownOutcomeError) as caught:
        ledger.record_decision(decision())
    assert "look whether it was recorded" in caught.value.fix
    assert len(ledger.decisions("SG")) == int(committed)


# -- a server that refuses


def test_a_wrong_password_is_named_and_never_shown(postgres: PostgresServer, postgres_database: str) -> None:
    ledger = Ledger(postgres.url(postgres_database), clock, "not-the-password", sleep=pytest.fail)
    with pytest.raises(StoreError, match="password authentication failed") as caught:
        ledger.migrate()
    assert "PLATEFUL_LEDGER_PASSWORD" in caught.value.fix
    assert "not-the-password" not in f"{caught.value} {ledger._database} {ledger._database.engine.url}"


def test_an_absent_database_is_named(postgres: PostgresServer) -> None:
    with pytest.raises(StoreError, match='"nowhere" does not exist') as caught:
        Ledger(postgres.url("nowhere"), clock, PASSWORD, sleep=pytest.fail).migrate()
    assert "create the database" in caught.value.fix


def test_another_kind_of_database_is_refused() -> None:
    with pytest.raises(ConfigError, match="'mysql'"):
        Ledger("mysql://root@localhost/x", clock)


def test_what_a_provider_says_may_hold_any_character(opened: Opener) -> None:
    ledger = opened()
    ledger.note_failure("SG", "r", "render", "a\0b")
    assert ledger.quarantined("SG", 1) == {"r": "render: a\ufffdb"}


# -- several at once


def test_a_decision_is_never_seen_before_one_with_a_lower_id(
    postgres: PostgresServer, opened: Opener, postgres_database: str
) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def slow() -> datetime:
        inside.set()
        assert go_on.wait(30)
        return NOW

    first, second, reader = opened(slow), opened(), opened()
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(first.record_decision, decision("slow"))
        assert inside.wait(30)
        other = pool.submit(second.record_decision, decision("quick"))
        wait_for_blocked(postgres, postgres_database)
        assert reader.decisions("SG") == []
        go_on.set()
        assert one.result() < other.result()
    assert [d.candidate_id for d in reader.decisions("SG")] == ["slow", "quick"]


def test_wishes_at_once_are_generations_of_their_own(opened: Opener) -> None:
    ledgers, barrier = [opened() for _ in range(6)], threading.Barrier(6)

    def wish(ledger: Ledger) -> int:
        barrier.wait()
        return ledger.request_regeneration("SG", "p", "ana", "again")

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(wish, ledgers)) == [1, 2, 3, 4, 5, 6]


class Crossing:
    """Two transactions that take two locks in opposite order: the server ends one of them."""

    def __init__(self, ledger: Ledger, barrier: threading.Barrier) -> None:
        self._database, self.barrier, self.tries = ledger._database, barrier, 0

    @repeated(idempotent=True)
    def take(self, first: str, second: str) -> None:
        self.tries += 1
        with self._database.writing(lock=first) as session:
            if self.tries == 1:
                self.barrier.wait(30)
            server_side.lock(session, second)


def test_of_two_transactions_that_block_each_other_the_loser_is_done_again(opened: Opener) -> None:
    barrier = threading.Barrier(2)
    crossings = [Crossing(opened(sleep=lambda _: None), barrier) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda crossing, names: crossing.take(*names), crossings, ["ab", "ba"]))
    assert sorted(crossing.tries for crossing in crossings) == [1, 2]


# -- clocks


def test_machines_whose_clocks_differ_agree_on_when_a_lease_ends(opened: Opener) -> None:
    right = opened(lambda: datetime.now(UTC), lease_clock=database_clock)
    ahead = opened(lambda: datetime.now(UTC) + timedelta(days=1), lease_clock=database_clock)
    lease = ahead.acquire_lease("SG", "run1", TTL)
    assert abs(lease.expires_at - datetime.now(UTC) - TTL) < timedelta(minutes=1)
    for ledger in (right, ahead):
        with pytest.raises(LeaseHeldError, match="run1"):
            ledger.acquire_lease("SG", "run2", TTL)
        assert ledger.live_owners() == {"run1"}
    right.renew(lease)
    right.check_fence(lease)


def test_a_lease_that_ran_out_is_taken_whatever_the_machine_s_clock_says(opened: Opener) -> None:
    behind = opened(lambda: datetime.now(UTC) - timedelta(days=1), lease_clock=database_clock)
    behind.acquire_lease("SG", "run1", timedelta(0))
    assert behind.acquire_lease("SG", "run2", TTL).taken_from == "run1"


def test_when_the_server_s_clock_jumps_two_may_run_but_one_writes(opened: Opener) -> None:
    def jumped(session: Session) -> datetime:
        return database_clock(session) + timedelta(days=1)

    before, after = opened(lease_clock=database_clock), opened(lease_clock=jumped)
    old = before.acquire_lease("SG", "run1", TTL)
    new = after.acquire_lease("SG", "run2", TTL)
    assert (new.token, new.taken_from) == (2, "run1")
    budgets = {"limit": None, "ttl": TTL}
    for write in (
        lambda: before.record_publications([change()], old),
        lambda: before.budgets.reserve("shard", "fish", [1], lease=old, **budgets),
        lambda: before.renew(old),
        lambda: before.check_fence(old),
    ):
        with pytest.raises(FencedError):
            write()
    assert after.record_publications([change()], new) == 1
    # Back again: the clock tells neither of them anything, the token still does.
    before.renew(new)
    with pytest.raises(FencedError):
        before.renew(old)
