"""Stores as resources: an asset annotates the abstract kind, `definitions.py` chooses the implementation."""

from abc import ABC, abstractmethod
from pathlib import Path

import dagster as dg
from pydantic import SecretStr

from plateful.environments import Environment, Settings, open_ledger, secret
from plateful.ledger import Ledger
from plateful.publishing import MAX_LEFT_SHARE, Bucket
from plateful.stores import DuckDBWarehouse, Lake, Warehouse
from plateful.stores.s3 import S3Options
from plateful.stores.snowflake import SnowflakeWarehouse
from plateful.stores.snowflake_session import SnowflakeAccess
from plateful.tables import TABLES


class S3Config(dg.Config):
    """How S3 is reached, for roots that are there."""

    endpoint: str | None = None
    region: str | None = None
    sse: str | None = None
    kms_key: str | None = None

    @classmethod
    def of(cls, settings: Settings) -> "S3Config":
        """Return what the settings say."""
        return cls(
            endpoint=settings.s3_endpoint,
            region=settings.s3_region,
            sse=settings.s3_sse,
            kms_key=settings.s3_kms_key,
        )

    def options(self) -> S3Options:
        """Return it as the stores take it."""
        return S3Options(self.endpoint, self.region, self.sse, self.kms_key)


class LakeResource(dg.ConfigurableResource):
    """Tables, images and manifests under one root: a local folder or an object store."""

    root: str
    s3: S3Config = S3Config()

    def open(self) -> Lake:
        """Return the lake."""
        return Lake(self.root, self.s3.options())


class WarehouseResource(dg.ConfigurableResource, ABC):
    """The table of published image URLs that other systems read."""

    # Share of a country's live images that one run may retire because their products left the feed.
    max_left_share: float = MAX_LEFT_SHARE

    @abstractmethod
    def open(self) -> Warehouse:
        """Return the warehouse; no handle stays open between its calls."""


class DuckDBWarehouseResource(WarehouseResource):
    """Warehouse in a DuckDB file."""

    path: str

    def open(self) -> Warehouse:
        """Return the DuckDB warehouse."""
        return DuckDBWarehouse(Path(self.path))


# What the resource and `SnowflakeAccess` call alike.
_AS_GIVEN = ("account", "user", "role", "database", "warehouse", "host", "port", "protocol")


class SnowflakeWarehouseResource(WarehouseResource):
    """Warehouse in a Snowflake table; the key and its passphrase are read when it is opened."""

    account: str
    user: str
    role: str
    database: str
    database_schema: str
    warehouse: str
    private_key_file: str
    host: str | None = None
    port: int = 443
    protocol: str = "https"

    def open(self) -> Warehouse:
        """Return the Snowflake warehouse."""
        passphrase = secret("snowflake_private_key_passphrase")
        return SnowflakeWarehouse(
            SnowflakeAccess(
                **{name: getattr(self, name) for name in _AS_GIVEN},
                schema=self.database_schema,
                private_key_file=Path(self.private_key_file),
                passphrase=SecretStr(passphrase) if passphrase else None,
            )
        )


def warehouse_resource(settings: Settings) -> WarehouseResource:
    """Return the warehouse of an environment."""
    share = settings.max_left_share
    if settings.env is Environment.LOCAL:
        return DuckDBWarehouseResource(path=settings.warehouse, max_left_share=share)
    access = SnowflakeAccess.of(settings)
    return SnowflakeWarehouseResource(
        **{name: getattr(access, name) for name in _AS_GIVEN},
        database_schema=access.schema,
        private_key_file=str(access.private_key_file),
        max_left_share=share,
    )


class LedgerResource(dg.ConfigurableResource):
    """Decisions, leases, failures, publications and audit in one SQL database."""

    url: str

    def open(self) -> Ledger:
        """Return the ledger, migrated to the newest schema."""
        return open_ledger(self.url)


class BucketResource(dg.ConfigurableResource):
    """Where published images are served from."""

    root: str
    base_url: str | None = None
    s3: S3Config = S3Config()

    def open(self) -> Bucket:
        """Return the bucket."""
        return Bucket(self.root, base_url=self.base_url, options=self.s3.options())


def table_columns(name: str) -> dg.TableSchema:
    """Return a table's columns as Dagster shows them."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(column, str(dtype), description=text)
            for column, (dtype, text) in TABLES[name].columns.items()
        ]
    )
