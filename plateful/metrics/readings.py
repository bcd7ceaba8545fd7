"""What the exporter reads: leases, budgets, costs and queues, from ledger and lake, at a bounded cost."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from plateful.budgets.policy import BudgetPolicy
from plateful.budgets.price import MICRO
from plateful.ledger import Ledger
from plateful.metrics import declared as d
from plateful.metrics.declared import Metric
from plateful.stores.lake import Lake

# (gauge, its labels, value)
Reading = tuple[Metric, dict[str, str], float]
_STATUS = pl.col("status")


@dataclass(frozen=True)
class LedgerReadings:
    """Leases, money and quarantine.

    A run that has ended keeps its lease, which is free all the same, so its age says nothing.

    Attributes:
        ledger: the ledger.
        policy: reads the budget policy as it is now.
        own_team: this installation's team, shown before it has spent anything.
        lease_ttl: seconds for which a renewal lasts.
        max_attempts: failures after which a request is quarantined.
        ended: whether a run is known to have ended.
        clock: aware UTC.
    """

    ledger: Ledger
    policy: Callable[[], BudgetPolicy]
    own_team: str
    lease_ttl: float
    max_attempts: int
    ended: Callable[[str], bool]
    clock: Callable[[], datetime]
    _known_ended: set[str] = field(default_factory=set)

    def __call__(self) -> Iterator[Reading]:
        """Read the ledger.

        Raises:
            StoreError: it cannot be read.
            ConfigError: the budget policy cannot be read.
        """
        for lease in self.ledger.figures.leases():
            place, until = {"country": lease.country}, lease.expires_at.timestamp()
            if not self._over(lease.owner):
                yield d.LEASE_EXPIRY, place, until
                yield d.LEASE_AGE, place, max(0.0, self.clock().timestamp() - until + self.lease_ttl)
        for country, requests in self.ledger.figures.quarantined(self.max_attempts).items():
            yield d.QUARANTINED, {"country": country}, requests
        yield from self._budgets()
        for cost in self.ledger.figures.costs_today():
            labels = {"team": cost.team, "model": cost.model, "application": cost.application}
            yield d.COST_TODAY, labels, cost.cost / MICRO
            yield d.RENDERS_TODAY, labels, cost.renders

    def _over(self, owner: str) -> bool:
        if owner not in self._known_ended and self.ended(owner):
            self._known_ended.add(owner)
        return owner in self._known_ended

    def _budgets(self) -> Iterator[Reading]:
        policy = self.policy()
        days = {day.team: day for day in self.ledger.figures.teams_today()}
        days.setdefault(self.own_team, self.ledger.budgets.team_day(self.own_team))
        for name, day in days.items():
            team, limit = {"team": name}, policy.team(name).limit
            yield d.BUDGET_SPENT, team, day.spent / MICRO
            yield d.BUDGET_RESERVED, team, day.reserved / MICRO
            if limit is not None:
                yield d.BUDGET_LIMIT, team, limit / MICRO
                yield d.BUDGET_LEFT, team, (limit - day.spent - day.reserved) / MICRO


class LakeReadings:
    """Queues and images by country, from the tables of its last run.

    A table is read again only when it was written again: one listing a table and reading is the whole cost of
    a quiet lake.

    Args:
        lake: the tables.
    """

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._kept: dict[str, tuple[Any, list[Reading]]] = {}

    def __call__(self) -> Iterator[Reading]:
        """Read the tables.

        Raises:
            StoreError: a table cannot be read.
        """
        for table, readings in _OF_TABLE.items():
            for country, stamp in self._lake.table_stamps(table).items():
                key = f"{table}/{country}"
                if key not in self._kept or self._kept[key][0] != stamp:
                    frame = self._lake.read_table(table, country)
                    self._kept[key] = stamp, list(readings(country, frame))
                yield from self._kept[key][1]


@dataclass(frozen=True)
class StepReadings:
    """Shards that running runs have still to finish, from the documents between their steps.

    Attributes:
        lake: has the documents.
        ledger: knows by its leases which runs are alive.
    """

    lake: Lake
    ledger: Ledger

    def __call__(self) -> Iterator[Reading]:
        """Count the documents of every run that holds a lease; a re-execution shows only what it planned."""
        alive = self.ledger.live_owners()
        for lease in self.ledger.figures.leases():
            if lease.owner in alive:
                names = self.lake.names(f"steps/{lease.owner}")
                planned = sum(".plan_shards/" in name for name in names)
                done = sum(".render_shard_" in name for name in names)
                yield d.SHARDS_LEFT, {"country": lease.country}, max(0, planned - done)


def _review(country: str, frame: pl.DataFrame) -> Iterator[Reading]:
    yield d.REVIEW_QUEUE, {"country": country}, frame.filter(_STATUS == "pending_review").height


def _deferred(country: str, frame: pl.DataFrame) -> Iterator[Reading]:
    yield d.DEFERRED, {"country": country}, frame.height


def _images(country: str, frame: pl.DataFrame) -> Iterator[Reading]:
    for status in ("live", "retired"):
        labels = {"country": country, "status": status}
        yield d.IMAGES, labels, frame.filter(status == _STATUS).height


_OF_TABLE: dict[str, Callable[[str, pl.DataFrame], Iterator[Reading]]] = {
    "review_decisions": _review,
    "deferred_requests": _deferred,
    "published_images": _images,
}
