"""Where Plateful runs: the adapters that the settings choose, all of one environment."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from plateful.ledger import Ledger
from plateful.ledger.leases import database_clock
from plateful.products.feed import Feed, ProductFeed
from plateful.products.snowflake_feed import SCHEME, SnowflakeFeed
from plateful.publishing import Bucket
from plateful.settings import ROOT, Environment, Settings, load_settings, secret
from plateful.stores import DuckDBWarehouse, Lake, Warehouse
from plateful.stores.snowflake import SnowflakeWarehouse
from plateful.stores.snowflake_session import SnowflakeAccess
from plateful.tracking import Tracking

__all__ = [
    "ROOT",
    "Adapters",
    "Environment",
    "Settings",
    "ledger_at",
    "load_settings",
    "open_adapters",
    "open_bucket",
    "open_feed",
    "open_lake",
    "open_ledger",
    "open_tracking",
    "open_warehouse",
    "secret",
    "utc_now",
]
Clock = Callable[[], datetime]


class Images(BaseSettings):
    """Container images of this installation; op tags are made while code loads, before any other setting."""

    model_config = SettingsConfigDict(env_prefix="PLATEFUL_", frozen=True, extra="ignore")

    gpu_image: str | None = Field(default=None, description="image with CUDA, for steps on GPU nodes")

    def for_role(self, role: str | None) -> str | None:
        """Return the image of a compute profile's role; None = the image that the run was started from."""
        return None if role is None else getattr(self, f"{role}_image")


def utc_now() -> datetime:
    """Return the current time in UTC: the clock that production passes in."""
    return datetime.now(UTC)


@lru_cache(maxsize=8)
def open_ledger(url: str) -> Ledger:
    """Return the process's ledger for a URL, migrated to the newest schema.

    A database server's password comes from the environment, so that nothing that names the URL holds it.
    """
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    ledger = ledger_at(url)
    ledger.migrate()
    return ledger


def ledger_at(url: str) -> Ledger:
    """Return a ledger as it is, migrated or not."""
    served = not url.startswith("sqlite:")
    return Ledger(
        url,
        utc_now,
        secret("ledger_password") if served else None,
        # Machines share a server and not a clock.
        lease_clock=database_clock if served else None,
    )


def open_warehouse(settings: Settings) -> Warehouse:
    """Return the warehouse of an environment; it connects when it is used."""
    if settings.env is Environment.LOCAL:
        return DuckDBWarehouse(settings.warehouse)
    return SnowflakeWarehouse(SnowflakeAccess.of(settings))


def open_feed(path: str) -> ProductFeed:
    """Return the feed at a path, or at `snowflake://DATABASE.SCHEMA.TABLE` with the environment's access.

    Raises:
        ConfigError: the environment has no access to Snowflake, or the address is malformed.
        FeedError: there is no such file.
    """
    if not path.startswith(SCHEME):
        return Feed(path)
    settings = Settings()
    return SnowflakeFeed(path, SnowflakeAccess.of(settings, settings.snowflake_feed_warehouse))


def open_lake(settings: Settings) -> Lake:
    """Return the lake of an environment."""
    return Lake(settings.lake, settings.s3)


def open_bucket(settings: Settings) -> Bucket:
    """Return the bucket of an environment."""
    return Bucket(settings.bucket, settings.public_url, settings.s3)


def open_tracking(settings: Settings) -> Tracking:
    """Return MLflow of an environment; it connects when it is used."""
    return Tracking(settings.tracking, settings.tracking_artifacts, ui_url=settings.mlflow_url)


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
        lake=open_lake(settings),
        bucket=open_bucket(settings),
        warehouse=open_warehouse(settings),
        ledger=open_ledger(settings.ledger),
        tracking=open_tracking(settings),
    )
