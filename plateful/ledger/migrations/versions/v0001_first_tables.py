"""First tables: leases, decisions, failures, regenerations, publications, audit."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TIME = sa.DateTime(timezone=True)


def _text(name: str, *, null: bool = False, key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String, nullable=null, primary_key=key)


def _serial() -> sa.Column[int]:
    return sa.Column("id", _SERIAL, primary_key=True, autoincrement=True)


def _time(name: str) -> sa.Column:
    return sa.Column(name, _TIME, nullable=False)


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "leases",
        _text("country", key=True),
        _text("owner", null=True),
        sa.Column("token", sa.BigInteger, nullable=False),
        _time("expires_at"),
    )
    decision = ("country", "request_id", "subject", "record_hash", "candidate_id", "decision", "decided_by")
    op.create_table(
        "decisions", _serial(), *(_text(n) for n in decision), _text("reason"), _time("decided_at")
    )
    op.create_index("ix_decisions_country", "decisions", ["country", "id"])
    op.create_table(
        "failures",
        *(_text(n, key=True) for n in ("country", "request_id", "stage")),
        sa.Column("attempts", sa.Integer, nullable=False),
        _text("reason"),
        _time("updated_at"),
    )
    wish = ("country", "subject", "requested_by", "reason")
    op.create_table("regenerations", _serial(), *(_text(n) for n in wish), _time("requested_at"))
    op.create_index("ix_regenerations_subject", "regenerations", ["country", "subject"])
    op.create_table(
        "publications",
        _serial(),
        *(_text(n) for n in ("image_id", "country", "product_id", "candidate_id", "status", "object_sha256")),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("lease_token", sa.BigInteger, nullable=False),
        _time("recorded_at"),
        sa.UniqueConstraint("image_id", "version", name="uq_publications_image_version"),
    )
    op.create_index("ix_publications_country", "publications", ["country"])
    op.create_table("audit", _serial(), _text("event"), _text("subject"), _text("detail"), _time("at"))


def downgrade() -> None:
    """Refuse: decisions and publications are never dropped."""
    raise NotImplementedError("the ledger is never downgraded; restore a copy of the file instead")
