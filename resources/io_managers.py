"""I/O managers: tables between assets, documents between the ops of a graph-backed asset."""

import gzip
import json
import shutil
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import dagster as dg
import polars as pl

from plateful.identity import canonical_json
from plateful.stores import objects
from plateful.stores.objects import StorePath
from resources.lease import LeaseResource, user_errors
from resources.metrics import MetricsResource
from resources.stores import LakeResource, S3Config

# A failed run is re-executed within days or not at all.
KEEP = timedelta(days=7)
# Tasks repeat each other's words: 5.4 kB a candidate become 0.3 kB, in 0.03 ms.
COMPRESSION = 1


class TableIOManager(dg.ConfigurableIOManager):
    """Each asset is one lake table, partitioned as the asset is, replaced atomically.

    Every asset is stored here, so every run takes its lease through here, whatever else it needs.
    """

    lake: dg.ResourceDependency[LakeResource]
    lease: dg.ResourceDependency[LeaseResource]

    def handle_output(self, context: dg.OutputContext, obj: pl.DataFrame) -> None:
        """Write the table with the schema of `plateful.tables`, unless the run has lost its lease."""
        partition = context.partition_key if context.has_asset_partitions else None
        with user_errors():
            self.lease.check(partition)
        self.lake.open().write_table(context.asset_key.path[-1], obj, partition)

    def load_input(self, context: dg.InputContext) -> pl.DataFrame:
        """Read the upstream table, in the upstream's partition."""
        partition = context.asset_partition_key if context.has_asset_partitions else None
        return self.lake.open().read_table(context.asset_key.path[-1], partition)


class MeasuredTableIOManager(TableIOManager):
    """The same, in processes whose figures are handed over: every run comes through here."""

    metrics: dg.ResourceDependency[MetricsResource]


class StepIOManager(dg.ConfigurableIOManager):
    """Gzipped JSON documents between the ops of a graph-backed asset, one per run and output; no pickles.

    A re-execution reads what its parent run wrote, so documents stay for a while. A bucket drops them by a
    lifecycle rule on `steps/`, a local lake when the next run writes its first.
    """

    root: str
    s3: S3Config = S3Config()

    def _path(self, run_id: str, step_key: str, name: str, mapping_key: str | None) -> StorePath:
        parts = [run_id, step_key, name, *([mapping_key] if mapping_key else [])]
        return self._steps().joinpath(*(part.replace("[", "_").replace("]", "") for part in parts))

    def _steps(self) -> StorePath:
        return objects.root_path(self.root, self.s3.options()) / "steps"

    def handle_output(self, context: dg.OutputContext, obj: dict) -> None:
        """Write one op output."""
        path = self._path(context.run_id, context.step_key, context.name, context.mapping_key)
        steps = self._steps()
        if isinstance(steps, Path) and not (steps / context.run_id).exists():
            _drop_old(steps)
        with user_errors():
            objects.replace(path, gzip.compress(canonical_json(obj).encode(), COMPRESSION, mtime=0))

    def load_input(self, context: dg.InputContext) -> dict:
        """Read the upstream op's output."""
        up = context.upstream_output
        if up is None:
            raise dg.DagsterInvariantViolationError("a step document is read from an upstream op only")
        path = self._path(up.run_id, up.step_key, up.name, up.mapping_key)
        with user_errors():
            return json.loads(gzip.decompress(objects.read(path)))


def _drop_old(steps: Path) -> None:
    """Remove the documents of runs that nobody will re-execute any more."""
    latest = time.time() - KEEP.total_seconds()
    for folder in steps.iterdir() if steps.exists() else ():
        # Another process may have dropped it already.
        with suppress(FileNotFoundError):
            if folder.stat().st_mtime < latest:
                shutil.rmtree(folder, ignore_errors=True)
