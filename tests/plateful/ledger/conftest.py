"""Every test of the ledger runs on SQLite and on Postgres."""

from pathlib import Path

import pytest


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/state/ledger.db"
    server = request.getfixturevalue("postgres")
    return server.url(request.getfixturevalue("postgres_database"), password=True)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/state/ledger.db"
