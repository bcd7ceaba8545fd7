"""A shard within a budget, on a real ledger: what is paid is rendered, the rest goes down the chain."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from plateful.budgets.policy import BudgetPolicy, load_budgets
from plateful.errors import BudgetError, StoreError
from plateful.ledger import Ledger
from plateful.models.catalog import load_catalog
from plateful.rendering import manifest
from plateful.rendering.billing import Billing
from plateful.rendering.budgeted import BudgetedReport, Purse, render_within_budget
from plateful.rendering.manifest import known_candidates, recover_candidate
from plateful.rendering.outcome import ShardReport
from plateful.rendering.plan import replan
from plateful.rendering.shard import render_shard
from plateful.rendering.task import RenderTask
from plateful.stores.lake import Lake
from tests.plateful.rendering.sample import COUNTRY, Clock, Painter, make_task
from tests.plateful.rendering.sample import Ledger as Failures

ENTRY = load_catalog()["plateful-tiny"]
ENTRIES = {name: ENTRY.model_copy(update={"id": name}) for name in ("plateful-tiny", "cheap")}
CENT = 10_000
POLICY = """
currency: USD
teams:
  default: {daily_limit: LIMIT, over_budget: CHAIN, why: a limit for the test}
prices:
  plateful-tiny: {per_image: 0.01, why: a cent a picture}
  cheap: {per_image: 0.001, why: a tenth of a cent a picture}
assumed_seconds: {value: 2, why: nothing was measured}
hold_minutes: {value: 30, why: longer than any test}
"""


class Killed(BaseException):
    """Stands for kill -9: nothing of ours runs after it."""


class Kitchen:
    """One country's shard, repeatable: its lake, its ledger, and painters by model."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.lake, self.clock = folder, Lake(str(folder / "lake")), Clock()
        self.ledger = Ledger(f"sqlite:///{folder}/ledger.db", self.clock)
        self.ledger.migrate()
        self.painter = Painter()
        self.painters = {"plateful-tiny": self.painter, "cheap": Painter()}
        version = self.painters["cheap"].version
        self.painters["cheap"].version = replace(version, model="cheap", digest="c" * 64)
        self.run = "run1"

    def tasks(self, requests: int = 5, model: str = "plateful-tiny", n: int = 2) -> list[RenderTask]:
        version = self.painters[model].version
        every = [(str(request), attempt) for request in range(requests) for attempt in range(n)]
        return [make_task(version, *each, application="menu-item") for each in every]

    def policy(self, limit: object, chain: str) -> BudgetPolicy:
        path = self.folder / "budgets.yaml"
        path.write_text(POLICY.replace("LIMIT", str(limit)).replace("CHAIN", chain))
        return load_budgets(path, ENTRIES)

    def render(
        self, limit: object = 1, chain: str = "[defer]", tasks: Sequence[RenderTask] = (), **options: Any
    ) -> BudgetedReport:
        chosen = list(tasks) or self.tasks()
        lease = self.ledger.acquire_lease(COUNTRY, self.run, timedelta(days=9), owner_finished=lambda _: True)
        purse = Purse(self.ledger.budgets, self.policy(limit, chain), lease, ENTRIES.__getitem__)
        return render_within_budget(
            chosen,
            purse=purse,
            lake=self.lake,
            replan=lambda model, left: replan(left, self.tasks(9, model)),
            render=self._shard(**options),
        )

    def _shard(self, **options: Any) -> Callable[[list[RenderTask], Billing], ShardReport]:
        failures = Failures()
        common = {
            "lake": self.lake, "country": COUNTRY, "score": lambda *_: None, "clock": self.clock,
            "run_id": self.run, "on_progress": lambda *_: None, "max_attempts": 3,
            "note_failure": failures.note, "note_success": failures.forget, **options,
        }  # fmt: skip
        return lambda tasks, billing: render_shard(
            tasks, renderer=self.painters[tasks[0].model], billing=billing, **common
        )

    @property
    def money(self) -> tuple[int, int]:
        today = self.ledger.budgets.team_day("default")
        return today.spent, today.reserved

    def assert_charged_once(self) -> None:
        """The ledger charged what the manifest's candidates cost, each once, and nothing is reserved."""
        rows = known_candidates(self.lake, COUNTRY)
        charges, total = self.ledger.budgets.metering()
        assert {c.candidate_id: c.cost for c in charges} == dict(
            rows.select("candidate_id", "cost").iter_rows()
        )
        assert (len(charges), total) == (rows.height, rows["cost"].sum())
        assert self.money == (total, 0)


@pytest.fixture
def kitchen(tmp_path: Path) -> Iterator[Kitchen]:
    made = Kitchen(tmp_path)
    yield made
    made.ledger.close()


def test_a_shard_within_its_budget(kitchen: Kitchen) -> None:
    done = kitchen.render()
    assert (done.shard.rendered, done.downgraded, done.deferred) == (10, 0, {})
    kitchen.assert_charged_once()
    assert kitchen.money == (10 * CENT, 0)
    charges, _ = kitchen.ledger.budgets.metering()
    assert {(c.team, c.country, c.application, c.model) for c in charges} == {
        ("default", COUNTRY, "menu-item", "plateful-tiny")
    }
    assert kitchen.render().shard.rendered == 0
    assert kitchen.money == (10 * CENT, 0)


def test_what_cannot_be_paid_waits_in_whole_requests_and_is_rendered_the_next_day(kitchen: Kitchen) -> None:
    done = kitchen.render(limit=0.05)
    assert done.shard.rendered == 4
    assert set(done.deferred) == {"request-2", "request-3", "request-4"}
    assert (
        "team 'default' has spent 0.040000 USD of its 0.050000 USD for 2026-11-21"
        in done.deferred["request-2"]
    )
    assert kitchen.render(limit=0.05).shard.rendered == 0
    kitchen.clock.now += timedelta(days=1)
    assert kitchen.render(limit=0.05).shard.rendered == 4
    assert kitchen.render(limit=0.07).shard.rendered == 2
    assert kitchen.render(limit=0.07).deferred == {}
    assert known_candidates(kitchen.lake, COUNTRY).height == 10
    assert kitchen.ledger.budgets.metering()[1] == 10 * CENT


def test_a_hard_stop_is_one_message_and_keeps_what_was_paid(kitchen: Kitchen) -> None:
    with pytest.raises(BudgetError) as raised:
        kitchen.render(limit=0.04, chain="[stop]")
    assert "team 'default' has spent 0.040000 USD of its 0.040000 USD" in raised.value.message
    assert "6 candidates of 3 requests in SG are not paid for" in raised.value.message
    assert "raise its daily_limit" in raised.value.fix
    assert "budgets.yaml" in raised.value.fix
    kitchen.assert_charged_once()
    assert known_candidates(kitchen.lake, COUNTRY).height == 4


def test_over_budget_a_cheaper_model_goes_on(kitchen: Kitchen) -> None:
    done = kitchen.render(limit=0.044, chain="[cheap, defer]")
    assert (done.shard.rendered, done.downgraded, len(done.deferred)) == (8, 4, 1)
    rows = known_candidates(kitchen.lake, COUNTRY)
    assert sorted(rows["model"]) == ["cheap"] * 4 + ["plateful-tiny"] * 4
    assert sorted(rows["cost"]) == [1000] * 4 + [CENT] * 4
    kitchen.assert_charged_once()
    again = kitchen.render(limit=0.044, chain="[cheap, defer]")
    assert (again.shard.rendered, len(again.deferred)) == (0, 1)


def test_no_money_at_all(kitchen: Kitchen) -> None:
    done = kitchen.render(limit=0)
    assert (done.shard, len(done.deferred)) == (ShardReport(), 5)
    assert kitchen.painter.painted == []


def test_no_limit(kitchen: Kitchen) -> None:
    assert kitchen.render(limit="null").shard.rendered == 10
    kitchen.assert_charged_once()


def test_a_provider_that_bills_more_stops_at_the_next_part(
    kitchen: Kitchen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "PART_ROWS", 4)
    monkeypatch.setattr("plateful.rendering.budgeted.cost_of", lambda *_: 3 * CENT)
    done = kitchen.render(limit=0.1)
    # Ten were reserved at a cent; after four of three cents the team is past its limit.
    assert (done.shard.rendered, len(done.deferred)) == (4, 3)
    assert kitchen.money == (12 * CENT, 0)
    kitchen.assert_charged_once()


@pytest.mark.parametrize("device", ["cpu, 2 threads", "NVIDIA H100"])
def test_higher_bills_are_known_before_their_pictures_are_scored(
    kitchen: Kitchen, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Painter, "device", device)
    monkeypatch.setattr("plateful.rendering.budgeted.cost_of", lambda *_: 3 * CENT)
    # Nothing is charged before the shard's only part; the first batch of four is over what was reserved.
    done = kitchen.render(limit=0.1)
    assert (done.shard.rendered, len(done.deferred)) == (4, 3)
    assert kitchen.money == (12 * CENT, 0)
    kitchen.assert_charged_once()


def test_device_seconds_are_billed_also_where_nothing_came_out(kitchen: Kitchen) -> None:
    kitchen.painter.cannot["3"] = 1000
    tasks = kitchen.tasks(5, n=1)
    by_second = POLICY.replace("per_image: 0.01", "per_second: 0.01")
    (kitchen.folder / "own.yaml").write_text(by_second.replace("LIMIT", "null").replace("CHAIN", "[stop]"))
    kitchen.policy = lambda *_: load_budgets(kitchen.folder / "own.yaml", ENTRIES)  # type: ignore[method-assign]
    assert kitchen.render(tasks=tasks).shard.quarantined == 1
    rows = known_candidates(kitchen.lake, COUNTRY)
    assert all(
        cost == round(seconds * CENT) > 0 for cost, seconds in rows.select("cost", "seconds").iter_rows()
    )
    kitchen.assert_charged_once()


def test_a_failed_shard_gives_its_money_back(kitchen: Kitchen) -> None:
    def full(*_: object) -> None:
        raise StoreError("disk full", fix="free some space")

    with pytest.raises(StoreError, match="disk full"):
        kitchen.render(score=full)
    assert kitchen.money == (0, 0)
    # Its pictures are stored; the repeated shard finds and pays for them, and renders only the rest.
    painted = len(kitchen.painter.painted)
    assert painted > 0
    done = kitchen.render()
    assert (done.shard.recovered, done.shard.rendered) == (painted, 10 - painted)
    kitchen.assert_charged_once()


@pytest.mark.parametrize("where", ["reserve", "charge", "append", "settle"])
def test_killed_anywhere_and_run_again_each_picture_is_paid_once(
    kitchen: Kitchen, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "PART_ROWS", 4)
    book, calls = kitchen.ledger.budgets, 0
    place, name = (kitchen.lake, "append_part") if where == "append" else (book, where)
    real = getattr(place, name)

    def dying(*args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        done = real(*args, **options)
        if calls == (2 if where in ("charge", "append") else 1):
            raise Killed
        return done

    with monkeypatch.context() as patched:
        patched.setattr(place, name, dying)
        # A killed process releases nothing.
        patched.setattr(book, "release", lambda _: None)
        with pytest.raises(Killed):
            kitchen.render(limit=0.1)
    if where in ("reserve", "charge", "append"):
        assert kitchen.money[1] > 0, "the dead run holds money"
    kitchen.run = "run2"
    done = kitchen.render(limit=0.1)
    assert done.deferred == {}
    assert known_candidates(kitchen.lake, COUNTRY).height == 10
    # Rendered twice at most: the batch that was being stored, which nobody had paid for yet.
    assert 10 <= len(kitchen.painter.painted) <= 10 + kitchen.painter.batch
    kitchen.render(limit=0.1)
    kitchen.assert_charged_once()


def test_a_lost_picture_that_is_rendered_again_is_paid_again(kitchen: Kitchen) -> None:
    kitchen.render()
    lost = kitchen.tasks()[0].candidate_id
    Path(kitchen.lake.image_path(lost)).unlink()
    assert kitchen.render().shard.rendered == 1
    assert kitchen.money == (11 * CENT, 0)
    charges, _ = kitchen.ledger.budgets.metering()
    assert sum(c.candidate_id == lost for c in charges) == 2


def test_a_found_picture_keeps_who_paid_and_one_from_before_budgets_cost_nothing(kitchen: Kitchen) -> None:
    kitchen.render()
    task = replace(kitchen.tasks()[0], team="meat")
    row, _ = recover_candidate(kitchen.lake, task)
    assert (row["team"], row["cost"]) == ("default", CENT)
