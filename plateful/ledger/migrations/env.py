"""Alembic's entry: runs on the connection, and inside the transaction, that `Ledger.migrate` opened."""

from alembic import context

from plateful.ledger.models import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, render_as_batch=True
)
context.run_migrations()
