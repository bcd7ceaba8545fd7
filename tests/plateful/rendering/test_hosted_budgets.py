"""Hosted models within a budget: what the ledger settles and candidates cost is what the provider billed."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from plateful.budgets.costs import cost_report, differences
from plateful.budgets.policy import load_budgets
from plateful.ledger import Ledger
from plateful.rendering.budgeted import BudgetedReport, Purse, render_within_budget
from plateful.rendering.manifest import known_candidates
from plateful.rendering.shard import render_shard
from plateful.rendering.task import RenderTask
from tests.plateful.models.providers.studio import Studio, studio
from tests.plateful.rendering.sample import COUNTRY
from tests.plateful.rendering.sample import Ledger as Failures
from tests.plateful.rendering.test_shard import Killed

PICTURE = 80_000


class Till:
    """A studio whose pictures are paid for out of a real ledger."""

    def __init__(self, one: Studio, ledger: Ledger) -> None:
        self.one, self.ledger, self.run = one, ledger, "run1"

    def render(self, tasks: list[RenderTask]) -> BudgetedReport:
        """Render a shard as a fresh process does, a minute later."""
        one, failures = self.one, Failures()
        one.now += timedelta(minutes=1)
        lease = self.ledger.acquire_lease(COUNTRY, self.run, timedelta(days=9), owner_finished=lambda _: True)
        return render_within_budget(
            tasks,
            purse=Purse(self.ledger.budgets, load_budgets(), lease, lambda _: one.version.entry),
            lake=one.lake,
            replan=lambda *_: [],
            render=lambda chosen, billing: render_shard(
                chosen, renderer=one.renderer(), lake=one.lake, country=COUNTRY, score=lambda *_: None,
                clock=lambda: one.now, run_id=self.run, on_progress=lambda *_: None, max_attempts=3,
                note_failure=failures.note, note_success=failures.forget, billing=billing,
            ),
        )  # fmt: skip

    @property
    def costs(self) -> list[int]:
        """What the candidates cost, as their rows say."""
        return known_candidates(self.one.lake, COUNTRY)["cost"].sort().to_list()

    def assert_settled(self, bills: int) -> None:
        """The provider billed so many pictures, and the ledger and its report settled exactly these."""
        assert len(self.one.account.bills) == bills
        today = self.ledger.budgets.team_day("default")
        assert (today.spent, today.reserved) == (bills * PICTURE, 0)
        charges, total = self.ledger.budgets.metering()
        assert cost_report(charges, total, self.one.lake)["cost"].sum() == bills * PICTURE
        assert differences(self.ledger.budgets, self.one.lake) == []


@contextmanager
def till(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *faults: str, **endpoint: Any) -> Iterator[Till]:
    """Open a till beside a provider that goes wrong as told."""
    with studio("gpt-image", tmp_path, monkeypatch, *faults, concurrency=1, **endpoint) as one:
        ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db", lambda: one.now)
        ledger.migrate()
        yield Till(one, ledger)
        ledger.close()


def test_a_reply_lost_after_billing_is_settled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with till(tmp_path, monkeypatch, "drop", "refuse", "rate_limit_bare", "wrong_size") as shop:
        tasks = shop.one.tasks("soup", "rice", "stew", "pie")
        done = shop.render(tasks)
        assert (done.shard.rendered, done.shard.quarantined) == (1, 3)
        # A lost reply, a picture of a wrong size and a picture; what was refused or not taken costs nothing.
        assert shop.costs == [0, PICTURE, PICTURE, PICTURE]
        shop.assert_settled(3)


@pytest.mark.parametrize("where", ["charge", "append_part"])
def test_killed_after_a_loss_was_charged_it_is_settled_once(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with till(tmp_path, monkeypatch, "drop") as shop:
        tasks = shop.one.tasks("soup", "rice")
        place = shop.ledger.budgets if where == "charge" else shop.one.lake
        real = getattr(place, where)

        def dying(*args: Any, **options: Any) -> None:
            real(*args, **options)
            raise Killed

        with monkeypatch.context() as patched:
            patched.setattr(place, where, dying)
            # A killed process releases nothing.
            patched.setattr(shop.ledger.budgets, "release", lambda _: None)
            with pytest.raises(Killed):
                shop.render(tasks)
        shop.run = "run2"
        if where == "append_part":
            # The loss stands in the manifest: handing it in again would be the wish to buy it again.
            shop.render(tasks[1:])
        else:
            assert shop.render(tasks).shard.quarantined == 1
        assert shop.costs == [PICTURE, PICTURE]
        shop.assert_settled(2)


def test_a_person_who_buys_a_lost_picture_again_pays_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with till(tmp_path, monkeypatch, "drop") as shop:
        tasks = shop.one.tasks("soup")
        shop.render(tasks)
        shop.assert_settled(1)
        assert shop.render(tasks).shard.rendered == 1
        assert shop.costs == [PICTURE]
        shop.assert_settled(2)


def test_under_an_honoured_key_a_picture_that_comes_late_is_settled_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with till(tmp_path, monkeypatch, "drop", *["in_progress"] * 19, idempotent=True) as shop:
        tasks = shop.one.tasks("soup")
        assert shop.render(tasks).shard.quarantined == 1
        shop.assert_settled(1)
        assert shop.render(tasks).shard.rendered == 1
        assert len(set(shop.one.account.keys)) == 1
        assert shop.costs == [PICTURE]
        shop.assert_settled(1)
