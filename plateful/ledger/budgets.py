"""Money in the ledger: reserve before a shard, charge as pictures are stored, settle or release after it.

Whole micro-dollars, per team and UTC day. A team's day is one row, and whoever changes money of that day
locks the row first (SQLite: the write lock; Postgres: FOR UPDATE, several in the order of their keys), so no
reservation takes spent and reserved together past a limit. A charge is keyed by candidate and time of render,
so it counts once however often it is made. What was spent is always recorded, also beyond a limit.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime, timedelta
from itertools import accumulate, takewhile
from typing import Any

from sqlalchemy import ColumnElement, false, func, or_, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from plateful.errors import StoreError
from plateful.ledger import leases
from plateful.ledger.database import Database
from plateful.ledger.models import AuditRow, Base, ChargeRow, ReservationRow, TeamDayRow
from plateful.ledger.records import Charge, Grant, Lease, TeamDay, Unleased
from plateful.ledger.repeating import repeated

OPEN, SETTLED, RELEASED, EXPIRED, ABANDONED, REPLACED = (
    "open", "settled", "released", "expired", "abandoned", "replaced",
)  # fmt: skip
_CHARGE_FIELDS = tuple(Charge.__dataclass_fields__)
Days = dict[tuple[str, date], TeamDayRow]


class BudgetBook:
    """Reservations and charges.

    Args:
        database: the ledger's.
        clock: returns the time, aware UTC; its date is the day that pays.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    @repeated(idempotent=True)
    def reserve(
        self,
        key: str,
        team: str,
        amounts: Sequence[int],
        *,
        limit: int | None,
        lease: Lease | Unleased,
        ttl: timedelta,
    ) -> Grant:
        """Hold money for the longest run of `amounts`, from the first, that a team's day still has.

        The same key again replaces what it holds, so a step that was killed and repeated holds once. What ran
        out, and what an earlier run of the country still holds (it is dead: the lease is another's), is freed
        first.

        Args:
            key: identity of the shard.
            team: who pays.
            amounts: micro-USD, at least 0 each.
            limit: micro-USD that the team may spend in the day, None = no limit.
            lease: of the country that is rendered, or who renders without one.
            ttl: how long the money is held after each charge.

        Raises:
            FencedError: the lease is another run's now.
            StoreError: a negative amount.
        """
        if min(amounts, default=0) < 0:
            raise StoreError(f"{min(amounts)} micro-USD cannot be reserved", fix="report this")
        now = self._clock()
        mine = (team, now.date())
        dead = _abandoned(lease) if isinstance(lease, Lease) else false()
        with self._database.writing() as session:
            if isinstance(lease, Lease):
                leases.held(session, lease)
            days = _lock(session, {mine, *_days(session, or_(_expired(now), dead))})
            self._free(session, days, _key(key, *mine), REPLACED)
            self._free(session, days, dead, ABANDONED)
            self._free(session, days, _expired(now), EXPIRED)
            fitting = _fitting(amounts, None if limit is None else limit - _committed(days[mine]))
            if fitting:
                row = session.get(ReservationRow, (key, *mine)) or ReservationRow(
                    key=key, team=team, day=mine[1]
                )
                row.country, row.owner, row.state = lease.country, lease.owner, OPEN
                row.held, row.expires_at = sum(fitting), now + ttl
                session.add(row)
                days[mine].reserved += row.held
        return Grant(key, *mine, granted=len(fitting), held=sum(fitting), ttl=ttl)

    @repeated(idempotent=True)
    def charge(self, charges: Sequence[Charge], grant: Grant | None = None) -> int:
        """Record what renders cost, each once, out of what a grant holds; return the micro-USD that were new.

        Without a grant, today pays; with one, its day. A team that is not the grant's pays without it.
        """
        now = self._clock()
        day = grant.day if grant else now.date()
        keys = {(charge.team, day) for charge in charges} | ({(grant.team, day)} if grant else set())
        with self._database.writing() as session:
            days = _lock(session, keys)
            new = _recorded(session, charges, day)
            for team, cost in new:
                days[team, day].spent += cost
            if grant is not None:
                used = sum(cost for team, cost in new if team == grant.team)
                _use(session, days, grant, used, now + grant.ttl)
        return sum(cost for _, cost in new)

    @repeated(idempotent=True)
    def settle(self, grant: Grant) -> None:
        """Free what a finished shard did not use; again does nothing."""
        self._end(grant, SETTLED)

    @repeated(idempotent=True)
    def release(self, grant: Grant) -> None:
        """Free what a failed shard did not use; again does nothing."""
        self._end(grant, RELEASED)

    @repeated(idempotent=True)
    def sweep(self) -> int:
        """Free what ran out, e.g. of killed runs; return how many reservations did."""
        ran_out = _expired(self._clock())
        with self._database.reading() as session:
            if not _days(session, ran_out):
                return 0
        with self._database.writing() as session:
            return self._free(session, _lock(session, _days(session, ran_out)), ran_out, EXPIRED)

    def team_day(self, team: str, day: date | None = None) -> TeamDay:
        """Return a team's money of a day, by default today."""
        place = (team, day or self._clock().date())
        with self._database.reading() as session:
            row = session.get(TeamDayRow, place)
            return TeamDay(*place, row.spent, row.reserved) if row else TeamDay(*place)

    def team_days(self, since: date = date.min) -> list[TeamDay]:
        """Return every team's days from `since` on, oldest first."""
        query = select(TeamDayRow).where(TeamDayRow.day >= since).order_by(TeamDayRow.day, TeamDayRow.team)
        with self._database.reading() as session:
            rows = session.scalars(query).all()
        return [TeamDay(row.team, row.day, row.spent, row.reserved) for row in rows]

    def metering(
        self, *, team: str | None = None, country: str | None = None, since: date = date.min
    ) -> tuple[list[Charge], int]:
        """Return (charges paid from `since` on, in the order of renders, and their sum by the database)."""
        chosen = ChargeRow.day >= since
        chosen = chosen & (ChargeRow.team == team) if team is not None else chosen
        chosen = chosen & (ChargeRow.country == country) if country is not None else chosen
        columns = [getattr(ChargeRow, name) for name in _CHARGE_FIELDS]
        query = select(*columns).where(chosen).order_by(ChargeRow.rendered_at, ChargeRow.candidate_id)
        with self._database.reading() as session:
            rows = session.execute(query).all()
            total = session.scalar(select(func.coalesce(func.sum(ChargeRow.cost), 0)).where(chosen))
        return [Charge(*row) for row in rows], int(total or 0)

    def sums(self) -> tuple[int, int]:
        """Return (what teams' days say was spent, what all charges add up to), at one moment."""
        days = select(func.coalesce(func.sum(TeamDayRow.spent), 0)).scalar_subquery()
        charges = select(func.coalesce(func.sum(ChargeRow.cost), 0)).scalar_subquery()
        with self._database.reading() as session:
            one = session.execute(select(days, charges)).one()
        return int(one[0]), int(one[1])

    def _end(self, grant: Grant, state: str) -> None:
        with self._database.writing() as session:
            days = _lock(session, {(grant.team, grant.day)})
            self._free(session, days, _key(grant.key, grant.team, grant.day), state)

    def _free(self, session: Session, days: Days, which: ColumnElement[bool], state: str) -> int:
        """Close the open reservations of locked days that meet a condition; return how many."""
        place = tuple_(ReservationRow.team, ReservationRow.day)
        query = select(ReservationRow).where(which, ReservationRow.state == OPEN, place.in_(list(days)))
        rows = session.scalars(query.with_for_update()).all()
        for row in rows:
            if state in (EXPIRED, ABANDONED):
                detail = f"{row.held} micro-USD of {row.day} that {row.owner} held for {row.country}"
                session.add(
                    AuditRow(event=f"budget.{state}", subject=row.team, detail=detail, at=self._clock())
                )
            days[row.team, row.day].reserved -= row.held
            row.held, row.state = 0, state
        session.flush()
        return len(rows)


def _key(key: str, team: str, day: date) -> ColumnElement[bool]:
    return (ReservationRow.key == key) & (ReservationRow.team == team) & (ReservationRow.day == day)


def _expired(now: datetime) -> ColumnElement[bool]:
    return (ReservationRow.state == OPEN) & (ReservationRow.expires_at <= now)


def _abandoned(lease: Lease) -> ColumnElement[bool]:
    mine = (ReservationRow.country == lease.country) & (ReservationRow.owner != lease.owner)
    return (ReservationRow.state == OPEN) & mine


def _days(session: Session, which: ColumnElement[bool]) -> set[tuple[str, date]]:
    query = select(ReservationRow.team, ReservationRow.day).where(which).distinct()
    return {(team, day) for team, day in session.execute(query)}


def _lock(session: Session, keys: Collection[tuple[str, date]]) -> Days:
    """Return the rows of teams' days, locked and made where they are absent, always in one order."""
    if not keys:
        return {}
    ordered = sorted(keys)
    blank = [{"team": team, "day": day, "spent": 0, "reserved": 0} for team, day in ordered]
    session.execute(_insert(session, TeamDayRow).on_conflict_do_nothing(), blank)
    place = tuple_(TeamDayRow.team, TeamDayRow.day)
    query = select(TeamDayRow).where(place.in_(ordered)).order_by(TeamDayRow.team, TeamDayRow.day)
    return {(row.team, row.day): row for row in session.scalars(query.with_for_update())}


def _insert(session: Session, table: type[Base]) -> Any:  # noqa: ANN401 - either dialect's own Insert
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    return dialect.insert(table)


def _recorded(session: Session, charges: Sequence[Charge], day: date) -> list[tuple[str, int]]:
    """Insert the charges that are not there yet and return their (team, cost)."""
    if not charges:
        return []
    statement = _insert(session, ChargeRow).on_conflict_do_nothing()
    rows = [{**vars(charge), "day": day} for charge in charges]
    done = session.execute(statement.returning(ChargeRow.team, ChargeRow.cost), rows)
    return [(row.team, row.cost) for row in done]


def _use(session: Session, days: Days, grant: Grant, used: int, until: datetime) -> None:
    """Take from what a grant still holds, and hold the rest longer."""
    row = session.get(ReservationRow, (grant.key, grant.team, grant.day), with_for_update=True)
    if row is None or row.state != OPEN:
        return  # it ran out meanwhile: the money is spent, but no longer held
    used = min(used, row.held)
    row.held, row.expires_at = row.held - used, until
    days[grant.team, grant.day].reserved -= used


def _committed(row: TeamDayRow) -> int:
    return row.spent + row.reserved


def _fitting(amounts: Sequence[int], available: int | None) -> list[int]:
    """Return the first amounts whose sum is within what is available; what costs nothing always is."""
    if available is None:
        return list(amounts)
    sums = takewhile(lambda total: total <= max(available, 0), accumulate(amounts))
    return list(amounts[: sum(1 for _ in sums)])
