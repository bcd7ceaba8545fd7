"""The ledger: leases, people's decisions, failures, regenerations, publications, money and the audit trail.

SQLAlchemy models with Alembic migrations from the first table, on SQLite (WAL).
"""

from plateful.ledger.budgets import BudgetBook
from plateful.ledger.ledger import Ledger
from plateful.ledger.records import AuditEntry, Charge, Decision, Grant, Lease, Publication, TeamDay, Unleased

__all__ = [
    "AuditEntry",
    "BudgetBook",
    "Charge",
    "Decision",
    "Grant",
    "Lease",
    "Ledger",
    "Publication",
    "TeamDay",
    "Unleased",
]
