"""The ledger's values: what goes in and what comes out, frozen."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from plateful.errors import StoreError

DECISIONS = ("approved", "rejected")


@dataclass(frozen=True)
class Lease:
    """The right to write one country (or model version): valid while the ledger holds the same token.

    `owner` is the id of the Dagster run, `ttl` how long it lasts after each renewal, `taken_from` the owner
    who had not given it back when it was taken.
    """

    country: str
    owner: str
    token: int
    expires_at: datetime
    ttl: timedelta
    taken_from: str | None = None


@dataclass(frozen=True)
class Unleased:
    """Who renders what without a lease, for one, a person by hand; `owner` is another one every time.

    Nobody repeats it under the same name, so what it holds when it is killed is free once that ran out.
    """

    country: str
    owner: str


@dataclass(frozen=True)
class Decision:
    """A person's word on one candidate of one request; the highest `id` on a candidate counts."""

    country: str
    request_id: str
    subject: str
    record_hash: str
    candidate_id: str
    decision: str
    decided_by: str
    reason: str
    decided_at: datetime
    id: int | None = None

    def __post_init__(self) -> None:
        if self.decision not in DECISIONS:
            raise StoreError(f"decision {self.decision!r} does not exist", fix=f"use one of {DECISIONS}")
        if not self.decided_by.strip():
            raise StoreError("a decision needs a person", fix="say who decides")


@dataclass(frozen=True)
class Publication:
    """One change of one published image: `version` is the warehouse row's."""

    image_id: str
    country: str
    product_id: str
    candidate_id: str
    status: str
    object_sha256: str
    version: int


@dataclass(frozen=True)
class TeamDay:
    """A team's money on one UTC day, in micro-USD."""

    team: str
    day: date
    spent: int = 0
    reserved: int = 0


@dataclass(frozen=True)
class Grant:
    """Money held for one shard.

    `granted` says for how many of the amounts asked for, from the first, there was enough; `held` is their
    sum in micro-USD, `ttl` how long it lasts after each charge.
    """

    key: str
    team: str
    day: date
    granted: int
    held: int
    ttl: timedelta


@dataclass(frozen=True)
class Charge:
    """What one render of a candidate cost, in micro-USD; the same render is the same charge.

    `rendered_at` is in its manifest row and in the picture itself, so whoever finds the picture after a kill
    makes the same charge again, and it counts once.
    """

    candidate_id: str
    rendered_at: datetime
    team: str
    country: str
    application: str
    model: str
    run_id: str
    cost: int

    def __post_init__(self) -> None:
        if self.cost < 0:
            raise StoreError(
                f"candidate {self.candidate_id} cannot cost {self.cost} micro-USD", fix="report this"
            )


@dataclass(frozen=True)
class AuditEntry:
    """One line of the audit trail."""

    id: int
    event: str
    subject: str
    detail: str
    at: datetime
