"""Runs as Dagster records them, without the work."""

from collections.abc import Callable, Iterator, Mapping

import dagster as dg
import pytest

Record = Callable[..., str]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as opened:
        yield opened


@pytest.fixture
def record(instance: dg.DagsterInstance) -> Record:
    """Record a run of a job in a state."""

    def make(job: str, status: str, tags: Mapping[str, str]) -> str:
        @dg.job(name=job)
        def stand_in() -> None: ...

        return instance.create_run_for_job(stand_in, status=dg.DagsterRunStatus[status], tags=tags).run_id

    return make


@pytest.fixture
def materialize(instance: dg.DagsterInstance) -> Record:
    """Run a job that materializes one asset's partition with metadata, and then fails if told so."""

    def make(
        job: str,
        asset: str,
        partition: str | None,
        tags: Mapping[str, str] | None = None,
        metadata: Mapping[str, str] | None = None,
        *,
        fails: bool = False,
    ) -> str:
        keys = dg.StaticPartitionsDefinition([partition]) if partition else None

        @dg.asset(name=asset, partitions_def=keys, metadata={})
        def made() -> dg.MaterializeResult:
            return dg.MaterializeResult(metadata=dict(metadata or {}))

        @dg.asset(deps=[made], partitions_def=keys)
        def rest() -> dg.MaterializeResult:
            if fails:
                raise dg.Failure("the disk is full -> free space", allow_retries=False)
            return dg.MaterializeResult()

        chosen = dg.define_asset_job(job, [asset, "rest"])
        whole = dg.Definitions(assets=[made, rest], jobs=[chosen], executor=dg.in_process_executor)
        result = whole.resolve_job_def(job).execute_in_process(
            instance=instance, partition_key=partition, tags=dict(tags or {}), raise_on_error=False
        )
        assert result.success is not fails
        return result.run_id

    return make
