"""The ledger's values: what goes in and what comes out, frozen."""

from dataclasses import dataclass
from datetime import datetime, timedelta

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
class AuditEntry:
    """One line of the audit trail."""

    id: int
    event: str
    subject: str
    detail: str
    at: datetime
