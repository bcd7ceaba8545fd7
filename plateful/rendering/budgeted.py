"""Render one shard within its team's budget: reserve, render, charge, settle, and on with what is left.

Money is reserved for whole requests, in order, as far as it reaches. The rest is planned again for the
cheaper models that the policy names, and what there is no money for even then waits for another run, or stops
this one. Pictures that a killed run stored cost nothing to find, so they come first, without a reservation.

What a person renders by hand is asked for by name: it is paid in full by that model's price, or refused.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from threading import Lock

import polars as pl

from plateful.budgets.policy import BudgetPolicy, TeamBudget
from plateful.budgets.price import Price, cost_of, dollars, estimate
from plateful.errors import BudgetError
from plateful.identity import content_hash
from plateful.ledger import BudgetBook, Charge, Grant, Lease, Unleased
from plateful.models.catalog import CatalogEntry
from plateful.rendering.billing import Billing, Row
from plateful.rendering.manifest import known_candidates
from plateful.rendering.outcome import ShardReport
from plateful.rendering.task import RenderTask
from plateful.stores.lake import Lake

# Renders tasks of one model version with somebody's money.
Render = Callable[[list[RenderTask], Billing], ShardReport]
# (catalog id, tasks) -> the same requests and attempts, planned for that model.
Replan = Callable[[str, Sequence[RenderTask]], list[RenderTask]]
# Pictures whose seconds say what the next ones will take.
RECENT = 256


@dataclass(frozen=True)
class Purse:
    """Where a run takes its money from; `entry` finds a model by the name that it is served under."""

    book: BudgetBook
    policy: BudgetPolicy
    lease: Lease | Unleased
    entry: Callable[[str], CatalogEntry]


@dataclass(frozen=True)
class BudgetedReport:
    """What a shard did, how many candidates a cheaper model got, and request id -> why it waits for money."""

    shard: ShardReport
    downgraded: int = 0
    deferred: Mapping[str, str] = field(default_factory=dict)


def render_within_budget(
    tasks: Sequence[RenderTask], *, purse: Purse, lake: Lake, replan: Replan, render: Render
) -> BudgetedReport:
    """Render what a team can pay for; safe to kill and to repeat.

    Args:
        tasks: one shard: at least one task, all of one country, team and model version.
        purse: the money.
        lake: holds the country's manifest and pictures.
        replan: plans tasks again for a cheaper model.
        render: brings tasks of one model version into the manifest.

    Raises:
        BudgetError: the budget is used up and the policy stops there; what was rendered is kept.
        ConfigError: a model has no price.
        FencedError: the lease was lost.
    """
    first, budget = tasks[0], purse.policy.team(tasks[0].team)
    shard = content_hash([first.country, sorted(task.candidate_id for task in tasks)])[:24]
    report, downgraded, left = ShardReport(), 0, list(tasks)
    for model in (first.model, *(name for name in budget.cheaper if name != first.model)):
        wanted = left if model == first.model else replan(model, left)
        done, left = _render_affordable(wanted, f"{shard}:{model}", budget, purse, lake, render)
        report += done
        downgraded += len(wanted) - len(left) if model != first.model else 0
        if not left:
            return BudgetedReport(report, downgraded)
    why, fix = _refusal(left, budget, purse)
    if budget.stops:
        raise BudgetError(why, fix=fix)
    return BudgetedReport(report, downgraded, {task.request_id: f"{why}; {fix}" for task in left})


@contextmanager
def paid_in_full(
    tasks: Sequence[RenderTask], fresh: int, *, purse: Purse, known: pl.DataFrame | None = None
) -> Iterator[Billing]:
    """Hold money for pictures that are rendered inside the block, for all of them or for none.

    Args:
        tasks: at least one, all of one team and model version.
        fresh: how many of them are to be rendered; 0 reserves nothing.
        purse: the money.
        known: GENERATED_CANDIDATES rows whose seconds say what the next ones will take.

    Raises:
        BudgetError: the team's day has not enough left.
        ConfigError: the model has no price.
    """
    first, budget = tasks[0], purse.policy.team(tasks[0].team)
    price = purse.policy.price(purse.entry(first.model))
    applications = {task.request_id: task.application for task in tasks}
    if not fresh:
        yield _Bill(purse, price, budget, applications)
        return
    recent = [] if known is None else _recent_seconds(known, first.model_version)
    amount = fresh * estimate(price, recent, purse.policy.assumed_seconds.value)
    with _reserved(f"{purse.lease.owner}:{first.model}", [amount], budget, purse) as grant:
        if not grant.granted:
            raise not_paid(first, fresh, purse, amount)
        yield _Bill(purse, price, budget, applications, grant)


def not_paid(task: RenderTask, pictures: int, purse: Purse, amount: int | None = None) -> BudgetError:
    """Return the refusal of so many pictures like a task's, which would cost some micro-USD."""
    about = "" if amount is None else f", about {dollars(amount)},"
    return BudgetError(
        f"{_spent(task.team, purse)}: {pictures} pictures of {task.model}{about} are not paid for",
        fix=f"raise its daily_limit in {purse.policy.file}, ask for fewer pictures or a cheaper model, "
        "or try again after 00:00 UTC; what was rendered is kept",
    )


def missing_tasks(
    tasks: Sequence[RenderTask], known: pl.DataFrame, lake: Lake
) -> tuple[list[RenderTask], list[RenderTask]]:
    """Return (tasks to render, tasks whose stored picture is only to be written down), both in order.

    `known` are the GENERATED_CANDIDATES rows that are done.
    """
    todo = {task.candidate_id for task in tasks} - set(known["candidate_id"])
    stored = lake.stored_images(todo)
    todo -= stored
    fresh = [task for task in tasks if task.candidate_id in todo]
    return fresh, [task for task in tasks if task.candidate_id in stored]


def _render_affordable(
    tasks: list[RenderTask], key: str, budget: TeamBudget, purse: Purse, lake: Lake, render: Render
) -> tuple[ShardReport, list[RenderTask]]:
    """Render what the budget has money for; return (what was done, tasks that were not paid)."""
    price = purse.policy.price(purse.entry(tasks[0].model))
    known = known_candidates(lake, tasks[0].country).filter(pl.col("status") == "ok")
    fresh, found = missing_tasks(tasks, known, lake)
    applications = {task.request_id: task.application for task in tasks}
    report = render(found, _Bill(purse, price, budget, applications)) if found else ShardReport()
    requests = _by_request(fresh)
    # With nothing but found pictures, this frees what the killed run that stored them still holds.
    if not requests and not found:
        return report, []
    unit = estimate(price, _recent_seconds(known, tasks[0].model_version), purse.policy.assumed_seconds.value)
    amounts = [unit * len(request) for request in requests]
    with _reserved(key, amounts, budget, purse) as grant:
        paid, left = (list(chain(*some)) for some in (requests[: grant.granted], requests[grant.granted :]))
        bill = _Bill(purse, price, budget, applications, grant)
        done = render(paid, bill) if paid else ShardReport()
    return report + done, [task for task in paid if task.candidate_id in done.unpaid] + left


@contextmanager
def _reserved(key: str, amounts: Sequence[int], budget: TeamBudget, purse: Purse) -> Iterator[Grant]:
    """Hold money while a block renders; what it did not use is free again, unless the process is killed."""
    grant = purse.book.reserve(
        key, budget.team, amounts, limit=budget.limit, lease=purse.lease, ttl=purse.policy.hold
    )
    try:
        yield grant
    except BaseException:
        purse.book.release(grant)
        raise
    purse.book.settle(grant)


@dataclass
class _Bill:
    """The billing of one shard on one model."""

    purse: Purse
    price: Price
    budget: TeamBudget
    applications: Mapping[str, str]
    grant: Grant | None = None
    # Micro-USD of what was rendered under the grant, and of how much of it the ledger knows: pictures are
    # stored and scored on other threads, so charges come later.
    rendered: int = 0
    charged: int = 0
    lock: Lock = field(default_factory=Lock)

    def cost(self, seconds: float, images: int) -> int:
        """Return micro-USD; see `Billing`."""
        cost = cost_of(self.price, seconds, images)
        self.rendered += cost
        return cost

    def charge(self, rows: Sequence[Row]) -> None:
        """Put rows into the ledger, each render once; see `Billing`."""
        charges = [self._charge(row) for row in rows]
        with self.lock:
            self.purse.book.charge(charges, self.grant)
            self.charged += sum(charge.cost for charge in charges)

    def exhausted(self) -> bool:
        """Return whether bills are higher than what was reserved, and take the team past its limit."""
        if self.grant is None or self.budget.limit is None or self.rendered <= self.grant.held:
            return False
        with self.lock:
            today = self.purse.book.team_day(self.grant.team, self.grant.day)
            coming = self.rendered - self.charged
            unused = max(0, self.grant.held - self.charged)
        return today.spent + coming + today.reserved - unused > self.budget.limit

    def _charge(self, row: Row) -> Charge:
        copied = ("candidate_id", "rendered_at", "team", "country", "model", "run_id", "cost")
        application = self.applications[row["request_id"]]
        return Charge(**{name: row[name] for name in copied}, application=application)


def _by_request(tasks: Sequence[RenderTask]) -> list[list[RenderTask]]:
    requests: dict[str, list[RenderTask]] = {}
    for task in tasks:
        requests.setdefault(task.request_id, []).append(task)
    return list(requests.values())


def _recent_seconds(known: pl.DataFrame, version: str) -> list[float]:
    recent = known.filter(pl.col("model_version") == version).sort("rendered_at").tail(RECENT)
    return recent["seconds"].to_list()


def _refusal(left: Sequence[RenderTask], budget: TeamBudget, purse: Purse) -> tuple[str, str]:
    """Return what is wrong and what to do about it."""
    country, requests = left[0].country, len({task.request_id for task in left})
    return (
        f"{_spent(budget.team, purse)}: {len(left)} candidates of {requests} requests in {country} are not "
        "paid for",
        f"raise its daily_limit in {purse.policy.file}, or run {country} again after 00:00 UTC; what was "
        "rendered is kept",
    )


def _spent(team: str, purse: Purse) -> str:
    today, limit = purse.book.team_day(team), purse.policy.team(team).limit
    return (
        f"team {team!r} has spent {dollars(today.spent)} of its {dollars(limit or 0)} for {today.day} and "
        f"holds {dollars(today.reserved)} more"
    )
