"""The ledger's tables. A change here needs a migration beside the others; a test compares the two."""

from datetime import UTC, date, datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    DateTime,
    Dialect,
    Index,
    Integer,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

# SQLite counts up only an INTEGER primary key.
Serial = BigInteger().with_variant(Integer, "sqlite")


class UtcTime(TypeDecorator[datetime]):
    """Aware UTC in Python; SQLite keeps no zone, so the zone is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Convert to UTC; a naive time raises."""
        if value is not None and value.tzinfo is None:
            raise ValueError(f"time {value} has no zone; the ledger takes aware times only")
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return an aware time."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Told(TypeDecorator[str]):
    """Text that others wrote, e.g. a provider's message; Postgres takes no NUL in it."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Replace every NUL."""
        return value.replace("\0", "\ufffd") if value is not None else None


class Base(DeclarativeBase):
    """Metadata of all ledger tables."""


class LeaseRow(Base):
    """Who writes a country; the row stays after release so that tokens only rise."""

    __tablename__ = "leases"
    country: Mapped[str] = mapped_column(String, primary_key=True)
    owner: Mapped[str | None] = mapped_column(String)
    token: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)


class DecisionRow(Base):
    """People's decisions, append-only."""

    __tablename__ = "decisions"
    __table_args__ = (Index("ix_decisions_country", "country", "id"),)
    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    country: Mapped[str] = mapped_column(String)
    request_id: Mapped[str] = mapped_column(String)
    subject: Mapped[str] = mapped_column(String)
    record_hash: Mapped[str] = mapped_column(String)
    candidate_id: Mapped[str] = mapped_column(String)
    decision: Mapped[str] = mapped_column(String)
    decided_by: Mapped[str] = mapped_column(String)
    reason: Mapped[str] = mapped_column(Told)
    decided_at: Mapped[datetime] = mapped_column(UtcTime)


class FailureRow(Base):
    """Failed attempts per request and stage."""

    __tablename__ = "failures"
    country: Mapped[str] = mapped_column(String, primary_key=True)
    request_id: Mapped[str] = mapped_column(String, primary_key=True)
    stage: Mapped[str] = mapped_column(String, primary_key=True)
    attempts: Mapped[int] = mapped_column(Integer)
    reason: Mapped[str] = mapped_column(Told)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)


class RegenerationRow(Base):
    """Explicit wishes for new pictures, append-only; a subject's generation is how many it has."""

    __tablename__ = "regenerations"
    __table_args__ = (Index("ix_regenerations_subject", "country", "subject"),)
    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    country: Mapped[str] = mapped_column(String)
    subject: Mapped[str] = mapped_column(String)
    requested_by: Mapped[str] = mapped_column(String)
    reason: Mapped[str] = mapped_column(Told)
    requested_at: Mapped[datetime] = mapped_column(UtcTime)


class PublicationRow(Base):
    """Every change of every published image, once."""

    __tablename__ = "publications"
    __table_args__ = (
        UniqueConstraint("image_id", "version", name="uq_publications_image_version"),
        Index("ix_publications_country", "country"),
    )
    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    image_id: Mapped[str] = mapped_column(String)
    country: Mapped[str] = mapped_column(String)
    product_id: Mapped[str] = mapped_column(String)
    candidate_id: Mapped[str] = mapped_column(String)
    status: Mapped[str] = mapped_column(String)
    object_sha256: Mapped[str] = mapped_column(String)
    version: Mapped[int] = mapped_column(BigInteger)
    lease_token: Mapped[int] = mapped_column(BigInteger)
    recorded_at: Mapped[datetime] = mapped_column(UtcTime)


class TeamDayRow(Base):
    """A team's money on one UTC day, in micro-USD; whoever changes it holds its lock."""

    __tablename__ = "team_days"
    __table_args__ = (
        CheckConstraint("spent >= 0", name="ck_team_days_spent"),
        CheckConstraint("reserved >= 0", name="ck_team_days_reserved"),
    )
    team: Mapped[str] = mapped_column(String, primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    spent: Mapped[int] = mapped_column(BigInteger)
    reserved: Mapped[int] = mapped_column(BigInteger)


class ReservationRow(Base):
    """Money that a shard holds: `held` is what is left of it, 0 unless open."""

    __tablename__ = "reservations"
    __table_args__ = (
        CheckConstraint("held >= 0", name="ck_reservations_held"),
        Index("ix_reservations_state", "state", "expires_at"),
    )
    key: Mapped[str] = mapped_column(String, primary_key=True)
    team: Mapped[str] = mapped_column(String, primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    country: Mapped[str] = mapped_column(String)
    owner: Mapped[str] = mapped_column(String)
    state: Mapped[str] = mapped_column(String)
    held: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)


class ChargeRow(Base):
    """Metering: what each render of a candidate cost, append-only, each render once."""

    __tablename__ = "charges"
    __table_args__ = (
        CheckConstraint("cost >= 0", name="ck_charges_cost"),
        Index("ix_charges_team", "team", "day"),
        Index("ix_charges_country", "country", "day"),
    )
    candidate_id: Mapped[str] = mapped_column(String, primary_key=True)
    rendered_at: Mapped[datetime] = mapped_column(UtcTime, primary_key=True)
    team: Mapped[str] = mapped_column(String)
    day: Mapped[date] = mapped_column(Date)
    country: Mapped[str] = mapped_column(String)
    application: Mapped[str] = mapped_column(String)
    model: Mapped[str] = mapped_column(String)
    run_id: Mapped[str] = mapped_column(String)
    cost: Mapped[int] = mapped_column(BigInteger)


class AuditRow(Base):
    """What happened, append-only."""

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    event: Mapped[str] = mapped_column(String)
    subject: Mapped[str] = mapped_column(String)
    detail: Mapped[str] = mapped_column(Told)
    at: Mapped[datetime] = mapped_column(UtcTime)
