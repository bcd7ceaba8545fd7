"""Leases: one writer per country, told apart by a token that only rises.

A lease ends by one clock for all who want it, the database's: machines whose clocks differ, or jump, agree on
when it does. Should that clock jump forward, a live run's country is taken over early; the token then refuses
all that the old run would still write, so two may run but one writes.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from plateful.errors import FencedError, LeaseHeldError
from plateful.ledger.models import LeaseRow
from plateful.ledger.records import Lease


def database_clock(session: Session) -> datetime:
    """Return the time of the database's machine, aware UTC."""
    return session.execute(select(func.clock_timestamp())).scalar_one().astimezone(UTC)


def holder(session: Session, country: str) -> tuple[str, int] | None:
    """Return (owner, token) of whoever holds the country, expired or not; None when it is free."""
    row = session.get(LeaseRow, country)
    return (row.owner, row.token) if row is not None and row.owner is not None else None


def take(
    session: Session,
    country: str,
    owner: str,
    ttl: timedelta,
    now: datetime,
    finished: tuple[str, int] | None,
) -> Lease:
    """Take, renew or take over a country's lease inside a writing transaction.

    Args:
        session: holds the write lock.
        country: what to write.
        owner: who wants it.
        ttl: how long it lasts without renewal.
        now: aware UTC.
        finished: (owner, token) of a holder known to have ended, whose lease may be taken.

    Raises:
        LeaseHeldError: another owner holds it, unexpired and not known to have ended.
    """
    row, taken_from = session.get(LeaseRow, country, with_for_update=True), None
    if row is None:
        row = LeaseRow(country=country, owner=owner, token=1, expires_at=now + ttl)
        session.add(row)
    elif row.owner == owner:
        row.expires_at = now + ttl
    elif row.owner is None or row.expires_at <= now or (row.owner, row.token) == finished:
        taken_from = row.owner
        row.owner, row.token, row.expires_at = owner, row.token + 1, now + ttl
    else:
        raise LeaseHeldError(
            f"country {country!r} is being written by {row.owner!r}, until {row.expires_at:%F %T %Z}",
            fix="wait for that run to end, or cancel it; a dead run's lease ends at that time by itself",
        )
    session.flush()
    return Lease(country, owner, row.token, row.expires_at, ttl, taken_from)


def live_owners(session: Session, now: datetime) -> set[str]:
    """Return who holds a lease that has not run out."""
    query = select(LeaseRow.owner).where(LeaseRow.owner.is_not(None), LeaseRow.expires_at > now)
    return {owner for owner in session.scalars(query) if owner is not None}


def release_all(session: Session, owner: str) -> int:
    """Free every country that an owner holds; return how many."""
    rows = session.scalars(select(LeaseRow).where(LeaseRow.owner == owner).with_for_update()).all()
    for row in rows:
        row.owner = None
    return len(rows)


def held(session: Session, lease: Lease, *, lock: bool = True) -> LeaseRow:
    """Return the lease's row if it is still this lease's.

    An expired lease that nobody took over is still held: the token alone decides.

    Args:
        session: a transaction; what it writes is guarded until it ends, if the row is locked.
        lease: as it was given.
        lock: whether to keep others from taking it over meanwhile.

    Raises:
        FencedError: released, or taken over by a later run.
    """
    query = select(LeaseRow).where(LeaseRow.country == lease.country)
    row = session.scalar(query.with_for_update() if lock else query)
    if row is None or row.owner != lease.owner or row.token != lease.token:
        now_held = f"{row.owner!r} with token {row.token}" if row and row.owner else "nobody"
        raise FencedError(
            f"{lease.owner!r} lost the lease on {lease.country!r} (token {lease.token}; held by {now_held})",
            fix="run the country again; what this run wrote so far is kept and not done twice",
        )
    return row


Finished = Callable[[str], bool]
