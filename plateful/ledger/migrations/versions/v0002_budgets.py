"""Budgets: what teams spent and hold by day, reservations, and the charge of every render."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_TIME = sa.DateTime(timezone=True)


def _text(name: str, *, key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String, nullable=False, primary_key=key)


def _micro(name: str, table: str) -> tuple[sa.Column[int], sa.CheckConstraint]:
    column = sa.Column(name, sa.BigInteger, nullable=False)
    return column, sa.CheckConstraint(f"{name} >= 0", name=f"ck_{table}_{name}")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "team_days",
        _text("team", key=True),
        sa.Column("day", sa.Date, primary_key=True),
        *_micro("spent", "team_days"),
        *_micro("reserved", "team_days"),
    )
    op.create_table(
        "reservations",
        _text("key", key=True),
        _text("team", key=True),
        sa.Column("day", sa.Date, primary_key=True),
        *(_text(name) for name in ("country", "owner", "state")),
        *_micro("held", "reservations"),
        sa.Column("expires_at", _TIME, nullable=False),
    )
    op.create_index("ix_reservations_state", "reservations", ["state", "expires_at"])
    op.create_table(
        "charges",
        _text("candidate_id", key=True),
        sa.Column("rendered_at", _TIME, primary_key=True),
        _text("team"),
        sa.Column("day", sa.Date, nullable=False),
        *(_text(name) for name in ("country", "application", "model", "run_id")),
        *_micro("cost", "charges"),
    )
    op.create_index("ix_charges_team", "charges", ["team", "day"])
    op.create_index("ix_charges_country", "charges", ["country", "day"])


def downgrade() -> None:
    """Refuse: what was charged is never dropped."""
    raise NotImplementedError("the ledger is never downgraded; restore a copy of the file instead")
