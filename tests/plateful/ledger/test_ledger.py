"""The ledger on a real SQLite file and in a real Postgres."""

import multiprocessing
import os
import signal
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from plateful.errors import ConfigError, FencedError, LeaseHeldError, StoreError
from plateful.ledger import Decision, Ledger, Publication
from plateful.ledger.models import Base

TTL = timedelta(minutes=5)
# A forked child has everything imported; it opens a ledger of its own.
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
def ledger(url: str, clock: Clock) -> Iterator[Any]:
    opened = Ledger(url, clock)
    opened.migrate()
    yield opened
    opened.close()


def decision(clock: Clock, **values: Any) -> Decision:
    fields = {
        "country": "SG", "request_id": "r", "subject": "p", "record_hash": "h", "candidate_id": "c",
        "decision": "approved", "decided_by": "ana", "reason": "good", "decided_at": clock(),
    }  # fmt: skip
    return Decision(**{**fields, **values})


def change(name: str = "i", version: int = 1, **values: Any) -> Publication:
    return Publication(**{**dict.fromkeys(Publication.__dataclass_fields__, "x"), "image_id": name,
                          "country": "SG", "version": version, **values})  # fmt: skip


# -- migrations


def test_the_migrations_make_the_tables_that_the_models_say(ledger: Ledger) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with ledger._database.migrating() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_migrating_again_keeps_everything(ledger: Ledger, clock: Clock) -> None:
    ledger.record_decision(decision(clock))
    ledger.migrate()
    assert len(ledger.decisions("SG")) == 1


def test_processes_may_migrate_at_once(url: str) -> None:
    def work() -> None:
        book = Ledger(url, Clock())
        book.migrate()
        book.audit("event", "subject", "detail")

    processes = [FORK.Process(target=work) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len(Ledger(url, Clock()).audit_log()) == 3


def test_a_ledger_of_a_newer_version_is_refused(ledger: Ledger, url: str) -> None:
    with ledger._database.migrating() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="of another version"):
        Ledger(url, Clock()).migrate()


def test_a_ledger_without_tables_says_so(url: str) -> None:
    with pytest.raises(StoreError, match=r"Ledger\.migrate\(\) first"):
        Ledger(url, Clock()).latest_decision_id()


def test_mistakes_with_the_file_are_clear(tmp_path: Path) -> None:
    (tmp_path / "other.db").write_bytes(b"this is not a database" * 100)
    with pytest.raises(StoreError, match="not a database"):
        Ledger(f"sqlite:///{tmp_path}/other.db", Clock()).migrate()
    with pytest.raises(ConfigError, match="'nonsense'"):
        Ledger("nonsense", Clock())


def test_the_file_is_in_wal_mode(sqlite_url: str, tmp_path: Path) -> None:
    Ledger(sqlite_url, Clock()).migrate()
    with sqlite3.connect(tmp_path / "state" / "ledger.db") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


# -- leases


def test_the_same_owner_gets_the_same_token_renewed(ledger: Ledger, clock: Clock) -> None:
    first = ledger.acquire_lease("SG", "run1", TTL)
    clock.now += timedelta(minutes=4)
    again = ledger.acquire_lease("SG", "run1", TTL)
    assert again.token == first.token == 1
    assert again.expires_at == clock.now + TTL
    ledger.check_fence(first)


def test_another_owner_is_told_who_has_it_and_until_when(ledger: Ledger) -> None:
    ledger.acquire_lease("SG", "run1", TTL)
    with pytest.raises(
        LeaseHeldError, match=r"'SG' is being written by 'run1', until 2026-11-21 09:05:00 UTC"
    ):
        ledger.acquire_lease("SG", "run2", TTL)
    assert ledger.acquire_lease("DE", "run2", TTL).token == 1


def test_an_expired_lease_is_taken_over_and_the_old_holder_fenced(ledger: Ledger, clock: Clock) -> None:
    old = ledger.acquire_lease("SG", "run1", TTL)
    clock.now += TTL
    ledger.check_fence(old)
    new = ledger.acquire_lease("SG", "run2", TTL)
    assert new.token == 2
    for act in (ledger.check_fence, ledger.renew, ledger.release):
        with pytest.raises(
            FencedError, match=r"'run1' lost the lease on 'SG' \(token 1; held by 'run2' with token 2"
        ):
            act(old)
    ledger.check_fence(new)
    with pytest.raises(LeaseHeldError):
        ledger.acquire_lease("SG", "run1", TTL)


def test_a_finished_owners_lease_is_taken_at_once(ledger: Ledger) -> None:
    old = ledger.acquire_lease("SG", "run1", TTL)
    asked: list[str] = []

    def look_up(owner: str) -> bool:
        asked.append(owner)
        return False

    with pytest.raises(LeaseHeldError):
        ledger.acquire_lease("SG", "run2", TTL, owner_finished=look_up)
    new = ledger.acquire_lease("SG", "run2", TTL, owner_finished=lambda owner: owner == "run1")
    assert asked == ["run1"]
    assert new.token == 2
    with pytest.raises(FencedError):
        ledger.check_fence(old)


def test_a_lease_that_changed_hands_while_its_owner_was_looked_up_is_not_taken(
    ledger: Ledger, url: str, clock: Clock
) -> None:
    ledger.acquire_lease("SG", "run1", TTL)
    other = Ledger(url, clock)

    def look_up(owner: str) -> bool:
        other.acquire_lease("SG", "run3", TTL, owner_finished=lambda _: True)
        return owner == "run1"

    with pytest.raises(LeaseHeldError, match="run3"):
        ledger.acquire_lease("SG", "run2", TTL, owner_finished=look_up)
    other.close()


def test_release_frees_it_and_tokens_only_rise(ledger: Ledger) -> None:
    first = ledger.acquire_lease("SG", "run1", TTL)
    ledger.release(first)
    with pytest.raises(FencedError, match="held by nobody"):
        ledger.check_fence(first)
    assert ledger.acquire_lease("SG", "run1", TTL).token == 2


def test_renewing_lengthens(ledger: Ledger, clock: Clock) -> None:
    lease = ledger.acquire_lease("SG", "run1", TTL)
    clock.now += timedelta(minutes=4)
    assert ledger.renew(lease).expires_at == clock.now + TTL


@pytest.mark.usefixtures("ledger")
def test_of_racing_threads_one_gets_the_lease(url: str, clock: Clock) -> None:
    barrier = Barrier(8)

    def race(number: int) -> int | None:
        book = Ledger(url, clock)
        barrier.wait()
        try:
            return book.acquire_lease("SG", f"run{number}", TTL).token
        except LeaseHeldError:
            return None
        finally:
            book.close()

    with ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(race, range(8)))
    assert sorted(tokens, key=str) == [1, *[None] * 7]


def test_of_racing_processes_one_gets_the_lease_and_a_killed_one_loses_it(url: str, ledger: Ledger) -> None:
    answers, start = FORK.SimpleQueue(), FORK.Barrier(3)

    def race(number: int) -> None:
        book = Ledger(url, Clock())
        start.wait()
        try:
            answers.put(book.acquire_lease("SG", f"run{number}", TTL).token)
        except LeaseHeldError:
            answers.put(None)
        os.kill(os.getpid(), signal.SIGKILL)

    processes = [FORK.Process(target=race, args=(number,)) for number in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert sorted((answers.get() for _ in processes), key=str) == [1, None, None]
    # The winner was killed with its lease; it is taken over because its run is known to have ended.
    assert ledger.acquire_lease("SG", "next", TTL, owner_finished=lambda _: True).token == 2


def test_a_lease_says_from_whom_it_was_taken(ledger: Ledger, clock: Clock) -> None:
    first = ledger.acquire_lease("SG", "run1", TTL)
    assert (first.taken_from, ledger.acquire_lease("SG", "run1", TTL).taken_from) == (None, None)
    clock.now += TTL
    second = ledger.acquire_lease("SG", "run2", TTL)
    assert second.taken_from == "run1"
    ledger.release(second)
    assert ledger.acquire_lease("SG", "run3", TTL).taken_from is None


def test_owners_are_live_until_their_lease_runs_out(ledger: Ledger, clock: Clock) -> None:
    ledger.release(ledger.acquire_lease("DE", "run1", TTL))
    ledger.acquire_lease("SG", "run2", TTL)
    assert ledger.live_owners() == {"run2"}
    clock.now += TTL
    assert ledger.live_owners() == set()


# -- decisions


def test_decisions_come_back_in_order_with_ids(ledger: Ledger, clock: Clock) -> None:
    first = ledger.record_decision(decision(clock))
    second = ledger.record_decision(decision(clock, candidate_id="d", decision="rejected"))
    other = ledger.record_decision(decision(clock, country="DE"))
    assert first < second < other == ledger.latest_decision_id()
    assert ledger.decisions("SG")[0] == decision(clock, id=first)
    assert [d.id for d in ledger.decisions("SG", after_id=first)] == [second]
    assert ledger.newest_decisions() == {"SG": second, "DE": other}
    assert ledger.newest_decisions(after_id=second) == {"DE": other}
    assert [entry.event for entry in ledger.audit_log(2)] == ["decision.approved", "decision.rejected"]


def test_no_decision_is_number_zero(ledger: Ledger) -> None:
    assert ledger.latest_decision_id() == 0
    assert ledger.newest_decisions() == {}


def test_of_two_people_deciding_at_once_the_second_is_told(url: str, ledger: Ledger, clock: Clock) -> None:
    barrier = Barrier(4)

    def say(number: int) -> int | str:
        book = Ledger(url, clock)
        barrier.wait()
        try:
            return book.record_decision(decision(clock, decided_by=f"person{number}"), revise=False)
        except StoreError as error:
            return error.message
        finally:
            book.close()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(say, range(4)))
    assert [type(answer) for answer in answers].count(int) == 1
    assert sum("already approved by person" in str(answer) for answer in answers) == 3
    assert len(ledger.decisions("SG")) == 1


def test_a_decision_needs_a_known_word_a_person_and_a_zone(ledger: Ledger, clock: Clock) -> None:
    with pytest.raises(StoreError, match="'maybe'"):
        decision(clock, decision="maybe")
    with pytest.raises(StoreError, match="needs a person"):
        decision(clock, decided_by=" ")
    with pytest.raises(Exception, match="has no zone"):
        ledger.record_decision(decision(clock, decided_at=clock().replace(tzinfo=None)))


# -- failures


def test_failures_count_per_stage_until_quarantine(ledger: Ledger) -> None:
    assert [ledger.note_failure("SG", "r1", "render", f"nan {n}") for n in range(3)] == [1, 2, 3]
    assert ledger.note_failure("SG", "r1", "judge", "timeout") == 1
    assert ledger.note_failure("SG", "r2", "render", "x") == 1
    assert ledger.note_failure("DE", "r3", "render", "x") == 1
    assert ledger.quarantined("SG", 3) == {"r1": "render: nan 2"}
    assert ledger.quarantined("SG", 4) == {}
    assert ledger.clear_failures("SG", "r1") == 1
    assert ledger.quarantined("SG", 1) == {"r2": "render: x"}
    assert ledger.clear_failures("SG", None) == 1
    assert ledger.quarantined("SG", 1) == {}
    assert ledger.quarantined("DE", 1) == {"r3": "render: x"}


def test_a_success_starts_the_count_of_its_stage_again(ledger: Ledger) -> None:
    for request, stage in (("r1", "render"), ("r1", "render"), ("r1", "score"), ("r2", "render")):
        ledger.note_failure("SG", request, stage, "x")
    ledger.note_success("SG", "r1", "render")
    ledger.note_success("DE", "r2", "render")
    assert ledger.quarantined("SG", 1) == {"r1": "score: x", "r2": "render: x"}
    assert ledger.note_failure("SG", "r1", "render", "y") == 1


def test_failures_counted_by_threads_all_count(ledger: Ledger) -> None:
    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(lambda _: ledger.note_failure("SG", "r", "render", "x"), range(20)))
    assert sorted(counts) == list(range(1, 21))


# -- regenerations


def test_each_wish_is_a_generation(ledger: Ledger, clock: Clock) -> None:
    assert ledger.generations("SG") == {}
    assert ledger.request_regeneration("SG", "p1", "ana", "wrong bowl") == 1
    assert ledger.request_regeneration("SG", "p1", "ana", "again", clock) == 2
    assert ledger.request_regeneration("SG", "p2", "bo", "x") == 1
    assert ledger.generations("SG") == {"p1": 2, "p2": 1}
    assert ledger.generations("DE") == {}


# -- publications


def test_each_version_of_an_image_is_recorded_once(ledger: Ledger) -> None:
    lease = ledger.acquire_lease("SG", "run1", TTL)
    assert ledger.record_publications([change("i"), change("j")], lease) == 2
    assert ledger.record_publications([change("i"), change("i", 2)], lease) == 1
    assert ledger.record_publication("k", "SG", "p", "c", "live", "sha", 1, lease)
    assert not ledger.record_publication("k", "SG", "p", "c", "live", "sha", 1, lease)
    assert [(p.image_id, p.version) for p in ledger.publications("SG")] == [
        ("i", 1),
        ("j", 1),
        ("i", 2),
        ("k", 1),
    ]


def test_a_fenced_run_records_nothing(ledger: Ledger, clock: Clock) -> None:
    old = ledger.acquire_lease("SG", "run1", TTL)
    clock.now += TTL
    ledger.acquire_lease("SG", "run2", TTL)
    with pytest.raises(FencedError):
        ledger.record_publications([change()], old)
    with pytest.raises(FencedError):
        ledger.record_publications([change()], replace(old, owner="run2"))
    assert ledger.publications("SG") == []


# -- audit


def test_the_audit_trail_is_newest_first(ledger: Ledger, clock: Clock) -> None:
    for number in range(3):
        ledger.audit("event", "subject", str(number))
    assert [(entry.detail, entry.at) for entry in ledger.audit_log(2)] == [("2", clock()), ("1", clock())]
