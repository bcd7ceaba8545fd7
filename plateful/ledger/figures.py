"""What the exporter reads of the ledger: few rows, however large the ledger is."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from plateful.ledger.database import Database
from plateful.ledger.models import ChargeRow, FailureRow, LeaseRow, TeamDayRow
from plateful.ledger.records import TeamDay


@dataclass(frozen=True)
class HeldLease:
    """A country (or job) that somebody holds or held when it died."""

    country: str
    owner: str
    expires_at: datetime


@dataclass(frozen=True)
class Cost:
    """Charges of a day: renders and micro-USD of one team, model and application."""

    team: str
    model: str
    application: str
    renders: int
    cost: int


class LedgerFigures:
    """Counts and sums over the ledger.

    Args:
        database: the ledger's.
        clock: returns the time, aware UTC; its date is today.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database, self._clock = database, clock

    def leases(self) -> list[HeldLease]:
        """Return every lease that was not given back, expired ones included."""
        query = select(LeaseRow.country, LeaseRow.owner, LeaseRow.expires_at)
        with self._database.reading() as session:
            rows = session.execute(query.where(LeaseRow.owner.is_not(None)).order_by(LeaseRow.country)).all()
        return [HeldLease(row.country, row.owner or "", row.expires_at) for row in rows]

    def quarantined(self, max_attempts: int) -> dict[str, int]:
        """Return country -> requests that failed that often in one stage."""
        query = (
            select(FailureRow.country, func.count(func.distinct(FailureRow.request_id)))
            .where(FailureRow.attempts >= max_attempts)
            .group_by(FailureRow.country)
        )
        with self._database.reading() as session:
            return dict(session.execute(query).all())

    def teams_today(self) -> list[TeamDay]:
        """Return the money of every team that moved any today."""
        query = select(TeamDayRow).where(TeamDayRow.day == self._clock().date()).order_by(TeamDayRow.team)
        with self._database.reading() as session:
            rows = session.scalars(query).all()
        return [TeamDay(row.team, row.day, row.spent, row.reserved) for row in rows]

    def costs_today(self) -> list[Cost]:
        """Return today's charges by team, model and application, dearest first.

        Reads the day's rows by their index (team, day), and no others.
        """
        teams = [day.team for day in self.teams_today()]
        by = (ChargeRow.team, ChargeRow.model, ChargeRow.application)
        cost = func.sum(ChargeRow.cost)
        query = (
            select(*by, func.count(), cost)
            .where(ChargeRow.team.in_(teams), ChargeRow.day == self._clock().date())
            .group_by(*by)
            .order_by(cost.desc(), *by)
        )
        with self._database.reading() as session:
            rows = session.execute(query).all()
        return [
            Cost(team, model, application, count, int(sum_)) for team, model, application, count, sum_ in rows
        ]
