"""One writer per country: a run holds its partition's lease from its first resource to its last.

Run-queue limits do not see in-process runs, so the lease is in the ledger. A process that works on a run
takes the lease of the run's partition (of its job, where that has no partitions) before the first step and
renews it until the last, in steps, checks and writes alike. Processes of one run share it. It is taken over
when its run has finished or its time has run out, and the run that lost it is then reported failed.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import dagster as dg
from pydantic import PrivateAttr

from plateful.errors import ConfigError, FencedError, LeaseHeldError, PlatefulError
from plateful.ledger import Lease, Ledger
from resources.dead_runs import report_dead_run, run_is_finished
from resources.preemption import tried_again_elsewhere
from resources.stores import LedgerResource
from resources.tags import PARTITION_TAG

Context = dg.AssetExecutionContext | dg.OpExecutionContext
# Renewals per ttl: five may fail, for a locked ledger or a full disk, before the sixth is too late.
RENEWALS_PER_TTL = 6


class LeaseResource(dg.ConfigurableResource):
    """Holds the current run's country while this process works on the run."""

    ledger: dg.ResourceDependency[LedgerResource]
    # Seconds a silent holder keeps the country: long enough for a stalled disk, short enough that a killed
    # run delays its successor by a minute.
    ttl_seconds: float = 60.0
    # Seconds to wait for a held country; more than the ttl, so that a killed run never fails its successor.
    wait_seconds: float = 75.0
    _renewed: "_RenewedLease | None" = PrivateAttr(default=None)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["LeaseResource"]:
        """Hold the lease for as long as the process needs resources of this run.

        It is not given back at the end: the run's other processes go on with it, and a finished run's lease
        is free.

        Raises:
            LeaseHeldError: another live run holds the country.
        """
        self._renewed = _RenewedLease(self.ledger.open(), self._acquire(context))
        with self._renewed:
            yield self

    @contextmanager
    def hold(self, context: Context) -> Iterator[Lease]:
        """Give the lease for work on the step's partition; the step fails when it was lost meanwhile."""
        with user_errors(), tried_again_elsewhere(context):
            yield self.check(context.partition_key)
            self.check(context.partition_key)

    def check(self, partition: str | None) -> Lease:
        """Return the lease if this run may write the partition.

        Raises:
            FencedError: the lease was lost.
            ConfigError: the run holds another partition.
        """
        if self._renewed is None:
            raise ConfigError("no run holds a lease here", fix="use the lease inside a Dagster run only")
        lease = self._renewed.check()
        if partition not in (None, lease.country):
            raise ConfigError(
                f"run {lease.owner[:8]} holds {lease.country!r} and may not write {partition!r}",
                fix="materialize one partition per run",
            )
        return lease

    def _acquire(self, context: dg.InitResourceContext) -> Lease:
        run, instance = context.run, context.instance
        if run is None or instance is None:
            raise ConfigError("no run holds a lease here", fix="use the lease inside a Dagster run only")
        ledger, what = self.ledger.open(), run.tags.get(PARTITION_TAG, run.job_name)
        deadline, told = time.monotonic() + self.wait_seconds, False
        while True:
            try:
                lease = ledger.acquire_lease(
                    what,
                    run.run_id,
                    timedelta(seconds=self.ttl_seconds),
                    owner_finished=lambda run_id: run_is_finished(instance, run_id),
                )
            except LeaseHeldError as held:
                if time.monotonic() >= deadline:
                    raise
                if not told and context.log is not None:
                    context.log.warning(f"Waiting up to {self.wait_seconds:.0f} s for {what}: {held.message}")
                    told = True
                time.sleep(0.5)
            else:
                if lease.taken_from is not None:
                    report_dead_run(instance, lease.taken_from)
                return lease


class _RenewedLease:
    """A lease that a thread renews until the block ends, or until it cannot any more."""

    def __init__(self, ledger: Ledger, lease: Lease) -> None:
        self._ledger, self._lease = ledger, lease
        self._lost: PlatefulError | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._renew, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def check(self) -> Lease:
        """Return the lease while it is held, else raise FencedError."""
        if self._lost is not None:
            raise self._lost
        self._ledger.check_fence(self._lease)
        return self._lease

    def _renew(self) -> None:
        ttl, renewed = self._lease.ttl.total_seconds(), time.monotonic()
        while not self._stop.wait(ttl / RENEWALS_PER_TTL):
            tried = time.monotonic()
            try:
                self._ledger.renew(self._lease)
                renewed = tried
            except FencedError as lost:
                self._lost = lost
                return
            except Exception as fault:  # whatever it is, a thread that died would renew no more
                if time.monotonic() - renewed >= ttl:
                    self._lost = FencedError(
                        f"{self._lease.owner!r} could not renew its lease on {self._lease.country!r} "
                        f"for {ttl:g} s: {getattr(fault, 'message', fault)}",
                        fix="see to the ledger, then run it again; what this run wrote so far is kept",
                    )
                    return


@contextmanager
def user_errors() -> Iterator[None]:
    """Turn our own errors into a step failure that shows the message and the fix instead of a stack trace.

    A mistake in the feed or the settings stays a mistake when repeated, so the step is not retried.
    """
    try:
        yield
    except PlatefulError as error:
        raise dg.Failure(str(error), metadata={"fix": error.fix}, allow_retries=False) from error
