"""The ledger's operations; each is one transaction."""

import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from plateful.errors import StoreError
from plateful.ledger import leases
from plateful.ledger.budgets import BudgetBook
from plateful.ledger.database import Database
from plateful.ledger.models import AuditRow, DecisionRow, FailureRow, PublicationRow, RegenerationRow
from plateful.ledger.records import AuditEntry, Decision, Lease, Publication
from plateful.ledger.repeating import repeated

_MIGRATIONS = Path(__file__).parent / "migrations"
_DECISION_FIELDS = tuple(Decision.__dataclass_fields__)
_PUBLICATION_FIELDS = tuple(Publication.__dataclass_fields__)


class Ledger:
    """Decisions, leases, failures, regenerations, publications and audit; money is in `budgets`.

    Args:
        url: SQLAlchemy URL, without a password.
        clock: returns the time, aware UTC.
        password: of Postgres' user.
        lease_clock: tells by the database when leases end, e.g. `leases.database_clock`; None = `clock`.
        sleep: waits that many seconds before a server is tried again.
    """

    def __init__(
        self,
        url: str,
        clock: Callable[[], datetime],
        password: str | None = None,
        *,
        lease_clock: Callable[[Session], datetime] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._database = Database(url, password, sleep=sleep)
        self._clock = clock
        self._lease_clock = lease_clock or (lambda _: clock())
        self.budgets = BudgetBook(self._database, clock)

    @repeated(idempotent=True)
    def migrate(self) -> None:
        """Bring the tables to this version's form; several processes may do so at once.

        Raises:
            StoreError: the ledger was written by a newer Plateful.
        """
        from alembic import command
        from alembic.config import Config
        from alembic.util import CommandError

        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        with self._database.migrating() as connection:
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError as fault:
                raise StoreError(
                    f"ledger {self._database.url.database!r} is of another version: {fault}",
                    fix="use the Plateful that wrote it, or a newer one",
                ) from fault

    def revisions(self) -> tuple[str | None, str | None]:
        """Return the schema's revision in the database, None before any migration, and this version's own.

        Raises:
            StoreError: the database cannot be reached.
        """
        from alembic.runtime.migration import MigrationContext
        from alembic.script import ScriptDirectory

        with self._database.reading() as session:
            current = MigrationContext.configure(session.connection()).get_current_revision()
        return current, ScriptDirectory(str(_MIGRATIONS)).get_current_head()

    def close(self) -> None:
        """Close pooled connections; the ledger opens new ones when used again."""
        self._database.engine.dispose()

    # -- leases

    @repeated(idempotent=True)
    def acquire_lease(
        self, country: str, owner: str, ttl: timedelta, owner_finished: leases.Finished = lambda _: False
    ) -> Lease:
        """Take the right to write a country; the same owner gets the same token again, renewed.

        Args:
            country: what to write.
            owner: who, e.g. a run id.
            ttl: how long it lasts without renewal.
            owner_finished: tells whether the present holder is known to have ended.

        Raises:
            LeaseHeldError: another owner holds it, unexpired and not finished.
        """
        with self._database.reading() as session:
            now_held = leases.holder(session, country)
        # Asked outside the transaction: it may look into another database.
        ended = now_held if now_held and now_held[0] != owner and owner_finished(now_held[0]) else None
        with self._database.writing(lock=f"lease {country}") as session:
            return leases.take(session, country, owner, ttl, self._lease_clock(session), ended)

    @repeated(idempotent=True)
    def renew(self, lease: Lease) -> Lease:
        """Lengthen a lease to its ttl from now.

        Raises:
            FencedError: no longer held.
        """
        with self._database.writing() as session:
            row = leases.held(session, lease)
            row.expires_at = self._lease_clock(session) + lease.ttl
            return Lease(lease.country, lease.owner, lease.token, row.expires_at, lease.ttl)

    @repeated(idempotent=False)
    def release(self, lease: Lease) -> None:
        """Give a lease back.

        Raises:
            FencedError: no longer held.
        """
        with self._database.writing() as session:
            leases.held(session, lease).owner = None

    def live_owners(self) -> set[str]:
        """Return every owner of a lease that has not run out."""
        with self._database.reading() as session:
            return leases.live_owners(session, self._lease_clock(session))

    @repeated(idempotent=True)
    def release_owner(self, owner: str) -> int:
        """Free every country that an ended owner, e.g. a failed run, still holds; return how many."""
        with self._database.writing() as session:
            return leases.release_all(session, owner)

    @repeated(idempotent=True)
    def check_fence(self, lease: Lease) -> None:
        """Return when the lease is still held.

        Raises:
            FencedError: it is not.
        """
        with self._database.reading() as session:
            leases.held(session, lease, lock=False)

    # -- decisions

    @repeated(idempotent=False)
    def record_decision(self, decision: Decision, *, revise: bool = True) -> int:
        """Append a person's decision and return its id.

        Args:
            decision: what was decided; its `id` is ignored.
            revise: whether it may overrule an earlier, different decision on the same candidate.

        Raises:
            StoreError: not `revise`, and the candidate is already decided (of two at once, the second).
        """
        values = {name: getattr(decision, name) for name in _DECISION_FIELDS if name != "id"}
        # One at a time, so that ids are seen in their order: whoever has read up to one misses none below.
        with self._database.writing(lock="decisions") as session:
            if not revise:
                _refuse_second(session, decision)
            row = DecisionRow(**values)
            session.add(row)
            _audit(
                session,
                f"decision.{decision.decision}",
                decision.candidate_id,
                decision.reason,
                self._clock(),
            )
            session.flush()
            return row.id

    def decisions(self, country: str, after_id: int = 0) -> list[Decision]:
        """Return a country's decisions with an id above `after_id`, oldest first."""
        query = select(DecisionRow).where(DecisionRow.country == country, DecisionRow.id > after_id)
        with self._database.reading() as session:
            rows = session.scalars(query.order_by(DecisionRow.id)).all()
        return [Decision(**{name: getattr(row, name) for name in _DECISION_FIELDS}) for row in rows]

    def latest_decision_id(self) -> int:
        """Return the id of the last decision in any country, 0 when there is none."""
        with self._database.reading() as session:
            return session.scalar(select(func.max(DecisionRow.id))) or 0

    def newest_decisions(self, after_id: int = 0) -> dict[str, int]:
        """Return country -> id of its last decision, for countries with one above `after_id`."""
        newest = func.max(DecisionRow.id)
        query = select(DecisionRow.country, newest).where(DecisionRow.id > after_id)
        with self._database.reading() as session:
            return dict(session.execute(query.group_by(DecisionRow.country)).all())

    # -- failures and quarantine

    @repeated(idempotent=False)
    def note_failure(self, country: str, request_id: str, stage: str, reason: str) -> int:
        """Count a failed attempt and return how many this request has in this stage."""
        with self._database.writing(lock=f"failures {country}/{request_id}") as session:
            row = session.get(FailureRow, (country, request_id, stage), with_for_update=True)
            if row is None:
                row = FailureRow(country=country, request_id=request_id, stage=stage, attempts=0)
                session.add(row)
            row.attempts, row.reason, row.updated_at = row.attempts + 1, reason, self._clock()
            return row.attempts

    @repeated(idempotent=True)
    def note_success(self, country: str, request_id: str, stage: str) -> None:
        """Start a request's count of a stage again: only failures without a success between them add up."""
        failed = (FailureRow.country == country) & (FailureRow.request_id == request_id)
        with self._database.writing() as session:
            session.execute(delete(FailureRow).where(failed & (FailureRow.stage == stage)))

    def quarantined(self, country: str, max_attempts: int) -> dict[str, str]:
        """Return request id -> `<stage>: <last reason>` of requests that failed that often in one stage."""
        query = select(FailureRow).where(FailureRow.country == country, FailureRow.attempts >= max_attempts)
        with self._database.reading() as session:
            rows = session.scalars(query.order_by(FailureRow.updated_at)).all()
        return {row.request_id: f"{row.stage}: {row.reason}" for row in rows}

    @repeated(idempotent=False)
    def clear_failures(self, country: str, request_id: str | None = None) -> int:
        """Let a request (or all of a country) be tried again; return how many requests had failures."""
        chosen = FailureRow.country == country
        if request_id is not None:
            chosen = chosen & (FailureRow.request_id == request_id)
        with self._database.writing() as session:
            requests = session.scalar(select(func.count(func.distinct(FailureRow.request_id))).where(chosen))
            session.execute(delete(FailureRow).where(chosen))
            _audit(session, "failures.cleared", request_id or country, f"{requests} requests", self._clock())
        return requests or 0

    # -- regenerations

    @repeated(idempotent=False)
    def request_regeneration(
        self, country: str, subject: str, by: str, reason: str, clock: Callable[[], datetime] | None = None
    ) -> int:
        """Ask for new pictures of a subject and return its generation, 1 after the first wish."""
        now = (clock or self._clock)()
        mine = (RegenerationRow.country == country) & (RegenerationRow.subject == subject)
        row = RegenerationRow(
            country=country, subject=subject, requested_by=by, reason=reason, requested_at=now
        )
        with self._database.writing(lock=f"regenerations {country}/{subject}") as session:
            session.add(row)
            _audit(session, "regeneration.requested", f"{country}/{subject}", f"{by}: {reason}", now)
            session.flush()
            return session.scalar(select(func.count()).select_from(RegenerationRow).where(mine)) or 0

    def generations(self, country: str) -> dict[str, int]:
        """Return subject -> generation; a subject that is absent is in generation 0."""
        query = (
            select(RegenerationRow.subject, func.count())
            .where(RegenerationRow.country == country)
            .group_by(RegenerationRow.subject)
        )
        with self._database.reading() as session:
            return dict(session.execute(query).all())

    # -- publications

    def record_publication(
        self,
        image_id: str,
        country: str,
        product_id: str,
        candidate_id: str,
        status: str,
        object_sha256: str,
        version: int,
        lease: Lease,
    ) -> bool:
        """Record one change of one image; see `record_publications`."""
        change = Publication(image_id, country, product_id, candidate_id, status, object_sha256, version)
        return self.record_publications([change], lease) == 1

    @repeated(idempotent=True)
    def record_publications(self, changes: Iterable[Publication], lease: Lease) -> int:
        """Record changes of images in one transaction, each (image, version) once; return how many were new.

        Raises:
            FencedError: the lease is no longer held; nothing is recorded then.
        """
        with self._database.writing() as session:
            leases.held(session, lease)
            known = _recorded(session, lease.country)
            new = [change for change in changes if (change.image_id, change.version) not in known]
            session.add_all(
                PublicationRow(
                    **{name: getattr(change, name) for name in _PUBLICATION_FIELDS},
                    lease_token=lease.token,
                    recorded_at=self._clock(),
                )
                for change in new
            )
        return len(new)

    def publications(self, country: str) -> list[Publication]:
        """Return every recorded change of a country's images, oldest first."""
        query = select(PublicationRow).where(PublicationRow.country == country).order_by(PublicationRow.id)
        with self._database.reading() as session:
            rows = session.scalars(query).all()
        return [Publication(**{name: getattr(row, name) for name in _PUBLICATION_FIELDS}) for row in rows]

    # -- audit

    @repeated(idempotent=False)
    def audit(self, event: str, subject: str, detail: str) -> None:
        """Append a line to the audit trail."""
        with self._database.writing() as session:
            _audit(session, event, subject, detail, self._clock())

    def audit_log(self, limit: int = 100) -> list[AuditEntry]:
        """Return the last lines of the audit trail, newest first."""
        query = select(AuditRow).order_by(AuditRow.id.desc()).limit(limit)
        with self._database.reading() as session:
            rows = session.scalars(query).all()
        return [AuditEntry(row.id, row.event, row.subject, row.detail, row.at) for row in rows]


def _refuse_second(session: Session, decision: Decision) -> None:
    same = (DecisionRow.country == decision.country) & (DecisionRow.candidate_id == decision.candidate_id)
    earlier = session.scalar(select(DecisionRow).where(same).order_by(DecisionRow.id.desc()).limit(1))
    if earlier is not None:
        raise StoreError(
            f"candidate {decision.candidate_id} was already {earlier.decision} by {earlier.decided_by} "
            f"on {earlier.decided_at:%F}",
            fix="say that you revise it (--revise), if you mean to overrule that",
        )


def _audit(session: Session, event: str, subject: str, detail: str, now: datetime) -> None:
    session.add(AuditRow(event=event, subject=subject, detail=detail, at=now))


def _recorded(session: Session, country: str) -> set[tuple[str, int]]:
    query = select(PublicationRow.image_id, PublicationRow.version).where(PublicationRow.country == country)
    return set(session.execute(query).all())
