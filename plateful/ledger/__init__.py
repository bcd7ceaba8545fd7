"""The ledger: leases, people's decisions, failures, regenerations, publications and the audit trail.

SQLAlchemy models with Alembic migrations from the first table, on SQLite (WAL).
"""

from plateful.ledger.ledger import Ledger
from plateful.ledger.records import AuditEntry, Decision, Lease, Publication

__all__ = ["AuditEntry", "Decision", "Lease", "Ledger", "Publication"]
