"""Where Plateful runs: the adapters that the settings choose, all of one environment."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from plateful.ledger import Ledger
from plateful.publishing import Bucket
from plateful.settings import ROOT, Environment, Settings, load_settings
from plateful.stores import DuckDBWarehouse, Lake, Warehouse
from plateful.tracking import Tracking

__all__ = [
    "ROOT",
    "Adapters",
    "Environment",
    "Settings",
    "load_settings",
    "open_adapters",
    "open_ledger",
    "utc_now",
]
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the current time in UTC: the clock that production passes in."""
    return datetime.now(UTC)


@lru_cache(maxsize=8)
def open_ledger(url: str) -> Ledger:
    """Return the process's ledger for a URL, migrated to the newest schema."""
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(url, clock=utc_now)
    ledger.migrate()
    return ledger


@dataclass(frozen=True)
class Adapters:
    """The stores behind one set of settings."""

    lake: Lake
    bucket: Bucket
    warehouse: Warehouse
    ledger: Ledger
    tracking: Tracking


def open_adapters(settings: Settings) -> Adapters:
    """Build the stores of an environment; nothing is held open between calls."""
    settings.home.mkdir(parents=True, exist_ok=True)
    return Adapters(
        lake=Lake(settings.lake),
        bucket=Bucket(settings.bucket, base_url=settings.public_url),
        warehouse=DuckDBWarehouse(settings.warehouse),
        ledger=open_ledger(settings.ledger),
        tracking=Tracking(settings.tracking, settings.tracking_artifacts, ui_url=settings.mlflow_url),
    )
