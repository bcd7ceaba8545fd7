"""Stores as resources: an asset annotates the abstract kind, `definitions.py` chooses the implementation."""

from abc import ABC, abstractmethod
from pathlib import Path

import dagster as dg
import polars as pl
from upath import UPath

from plateful.environments import open_ledger
from plateful.identity import canonical_json
from plateful.ledger import Ledger
from plateful.publishing import Bucket
from plateful.stores import DuckDBWarehouse, Lake, Warehouse
from plateful.tables import TABLES


class LakeResource(dg.ConfigurableResource):
    """Tables, images and manifests under one root: a local folder or an object store."""

    root: str

    def open(self) -> Lake:
        """Return the lake."""
        return Lake(self.root)


class WarehouseResource(dg.ConfigurableResource, ABC):
    """The table of published image URLs that other systems read."""

    @abstractmethod
    def open(self) -> Warehouse:
        """Return the warehouse; no handle stays open between its calls."""


class DuckDBWarehouseResource(WarehouseResource):
    """Warehouse in a DuckDB file."""

    path: str

    def open(self) -> Warehouse:
        """Return the DuckDB warehouse."""
        return DuckDBWarehouse(Path(self.path))


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

    def open(self) -> Bucket:
        """Return the bucket."""
        return Bucket(self.root, base_url=self.base_url)


class TableIOManager(dg.ConfigurableIOManager):
    """Each asset is one lake table, partitioned as the asset is, replaced atomically."""

    lake: dg.ResourceDependency[LakeResource]

    def handle_output(self, context: dg.OutputContext, obj: pl.DataFrame) -> None:
        """Write the table with the schema of `plateful.tables`."""
        partition = context.partition_key if context.has_asset_partitions else None
        self.lake.open().write_table(context.asset_key.path[-1], obj, partition)

    def load_input(self, context: dg.InputContext) -> pl.DataFrame:
        """Read the upstream table, in the upstream's partition."""
        partition = context.asset_partition_key if context.has_asset_partitions else None
        return self.lake.open().read_table(context.asset_key.path[-1], partition)


class StepIOManager(dg.ConfigurableIOManager):
    """JSON documents between the ops of a graph-backed asset, one object per run and output; no pickles."""

    root: str

    def _path(self, run_id: str, step_key: str, name: str, mapping_key: str | None) -> UPath:
        parts = [run_id, step_key, name, *([mapping_key] if mapping_key else [])]
        return UPath(self.root, "steps", *(part.replace("[", "_").replace("]", "") for part in parts))

    def handle_output(self, context: dg.OutputContext, obj: dict) -> None:
        """Write one op output."""
        path = self._path(context.run_id, context.step_key, context.name, context.mapping_key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(canonical_json(obj).encode())

    def load_input(self, context: dg.InputContext) -> dict:
        """Read the upstream op's output."""
        import json

        up = context.upstream_output
        if up is None:
            raise dg.DagsterInvariantViolationError("a step document is read from an upstream op only")
        return json.loads(self._path(up.run_id, up.step_key, up.name, up.mapping_key).read_bytes())


def table_columns(name: str) -> dg.TableSchema:
    """Return a table's columns as Dagster shows them."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(column, str(dtype), description=text)
            for column, (dtype, text) in TABLES[name].columns.items()
        ]
    )
