"""The lease of a run: held from its first resource to its last, renewed, and lost loudly."""

import sqlite3
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from plateful.errors import StoreError
from plateful.ledger import Lease, Ledger
from plateful.tables import REJECTS
from resources.io_managers import TableIOManager
from resources.lease import LeaseResource
from resources.stores import LakeResource, LedgerResource

COUNTRY = dg.StaticPartitionsDefinition(["DE", "SG"])
Step = Callable[[dg.AssetExecutionContext, LeaseResource], None]


def _resources(tmp_path: Path, ttl: float, wait: float = 0.0) -> dict[str, object]:
    book = LedgerResource(url=f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    lease = LeaseResource(ledger=book, ttl_seconds=ttl, wait_seconds=wait)
    lake = LakeResource(root=str(tmp_path / "lake"))
    return {"lease": lease, "io_manager": TableIOManager(lake=lake, lease=lease)}


def _run(instance: dg.DagsterInstance, resources: dict[str, object], step: Step) -> dg.ExecuteInProcessResult:
    @dg.asset(partitions_def=COUNTRY)
    def rejects(context: dg.AssetExecutionContext, lease: LeaseResource) -> pl.DataFrame:
        step(context, lease)
        return REJECTS.frame([])

    return dg.materialize(
        [rejects], partition_key="SG", instance=instance, resources=resources, raise_on_error=False
    )


def _why(result: dg.ExecuteInProcessResult) -> str:
    causes = []
    for event in result.all_events:
        error = getattr(event.event_specific_data, "error", None)
        while error is not None:
            causes.append(error.message)
            error = error.cause
    return "\n".join(causes)


def _started(instance: dg.DagsterInstance) -> str:
    @dg.job
    def stand_in() -> None: ...

    return instance.create_run_for_job(stand_in, status=dg.DagsterRunStatus.STARTED).run_id


def test_the_lease_is_renewed_between_holds(
    instance: dg.DagsterInstance, ledger: Ledger, tmp_path: Path
) -> None:
    def work(context: dg.AssetExecutionContext, lease: LeaseResource) -> None:
        with lease.hold(context) as held:
            pass
        time.sleep(1.0)
        assert context.run.run_id in ledger.live_owners()
        with lease.hold(context) as again:
            assert again.token == held.token

    result = _run(instance, _resources(tmp_path, ttl=0.5), work)
    assert result.success, _why(result)


def test_a_locked_ledger_costs_a_renewal_and_not_the_lease(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    renew, calls = Ledger.renew, []

    def twice_locked(ledger: Ledger, lease: Lease) -> Lease:
        calls.append(lease)
        if len(calls) <= 2:
            raise StoreError("ledger: database is locked", fix="wait")
        return renew(ledger, lease)

    monkeypatch.setattr(Ledger, "renew", twice_locked)

    def work(context: dg.AssetExecutionContext, lease: LeaseResource) -> None:
        with lease.hold(context):
            time.sleep(1.5)

    result = _run(instance, _resources(tmp_path, ttl=1.0), work)
    assert result.success, _why(result)
    assert len(calls) > 2


def test_a_lease_that_cannot_be_renewed_fails_the_step(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(_ledger: Ledger, _lease: Lease) -> Lease:
        raise sqlite3.OperationalError("database is locked")

    monkeypatch.setattr(Ledger, "renew", locked)

    def work(context: dg.AssetExecutionContext, lease: LeaseResource) -> None:
        with lease.hold(context):
            time.sleep(1.0)

    result = _run(instance, _resources(tmp_path, ttl=0.4), work)
    assert not result.success
    assert "could not renew its lease on 'SG' for 0.4 s: database is locked" in _why(result)


def test_no_table_is_written_without_the_lease(
    instance: dg.DagsterInstance, ledger: Ledger, tmp_path: Path
) -> None:
    def work(context: dg.AssetExecutionContext, lease: LeaseResource) -> None:
        with lease.hold(context):
            pass
        ledger.release_owner(context.run.run_id)

    result = _run(instance, _resources(tmp_path, ttl=60), work)
    assert not result.success
    assert "lost the lease on 'SG'" in _why(result)
    assert not list((tmp_path / "lake").rglob("*.parquet"))


def test_a_run_writes_its_own_partition_only(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    def work(_context: dg.AssetExecutionContext, lease: LeaseResource) -> None:
        lease.check("DE")

    assert "holds 'SG' and may not write 'DE'" in _why(_run(instance, _resources(tmp_path, ttl=60), work))


def test_a_run_whose_lease_is_taken_over_is_reported_failed(
    instance: dg.DagsterInstance, ledger: Ledger, tmp_path: Path
) -> None:
    killed = _started(instance)
    ledger.acquire_lease("SG", killed, timedelta(seconds=0.2))
    assert _run(instance, _resources(tmp_path, ttl=60, wait=5), lambda *_: None).success
    run = instance.get_run_by_id(killed)
    assert run is not None
    assert run.status is dg.DagsterRunStatus.FAILURE


def test_a_held_country_is_waited_for_and_then_refused(
    instance: dg.DagsterInstance, ledger: Ledger, tmp_path: Path
) -> None:
    other = _started(instance)
    ledger.acquire_lease("SG", other, timedelta(minutes=5))
    result = _run(instance, _resources(tmp_path, ttl=60), lambda *_: None)
    assert "is being written by" in _why(result)
    run = instance.get_run_by_id(other)
    assert run is not None
    assert not run.is_finished
