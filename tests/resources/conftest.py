"""Runs and a ledger for the tests in this folder."""

from pathlib import Path

import pytest

from plateful.environments import open_ledger
from plateful.ledger import Ledger
from tests.recorded_runs import instance

__all__ = ["instance"]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """An empty ledger in the test's folder."""
    return open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
