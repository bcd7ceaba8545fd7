"""One writer per country: a run holds the country's lease while it works on it.

Run-queue limits do not see in-process runs, so the lease is in the ledger. It is taken by the first step of a
run that touches the country, renewed while a step works, kept between the steps of the same run, and taken
over when its run has finished or its time has run out.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import dagster as dg

from plateful.errors import LeaseHeldError, PlatefulError
from plateful.ledger import Lease, Ledger
from resources.stores import LedgerResource

Context = dg.AssetExecutionContext | dg.OpExecutionContext


class LeaseResource(dg.ConfigurableResource):
    """Holds a country for the current run."""

    ledger: dg.ResourceDependency[LedgerResource]
    # Seconds a silent holder keeps the country: long enough for a stalled disk, short enough that a killed
    # run delays its successor by a minute.
    ttl_seconds: float = 60.0
    # Seconds to wait for a held country; more than the ttl, so that a killed run never fails its successor.
    wait_seconds: float = 75.0

    @contextmanager
    def hold(self, context: Context) -> Iterator[Lease]:
        """Hold the partition's country for this run, renewing in the background until the block ends.

        Raises:
            LeaseHeldError: another live run holds the country.
        """
        with user_errors():
            ledger, lease = self.ledger.open(), self._acquire(context)
            stop = threading.Event()
            renewer = threading.Thread(target=self._renew, args=(ledger, lease, stop), daemon=True)
            renewer.start()
            try:
                yield lease
                ledger.check_fence(lease)
            finally:
                stop.set()
                renewer.join()

    def _renew(self, ledger: Ledger, lease: Lease, stop: threading.Event) -> None:
        while not stop.wait(self.ttl_seconds / 3):
            ledger.renew(lease)

    def _acquire(self, context: Context) -> Lease:
        ledger, country = self.ledger.open(), context.partition_key
        deadline, told = time.monotonic() + self.wait_seconds, False
        while True:
            try:
                return ledger.acquire_lease(
                    country,
                    context.run.run_id,
                    timedelta(seconds=self.ttl_seconds),
                    owner_finished=lambda run_id: run_is_finished(context.instance, run_id),
                )
            except LeaseHeldError as held:
                if time.monotonic() >= deadline:
                    raise
                if not told:
                    context.log.warning(
                        f"Waiting up to {self.wait_seconds:.0f} s for {country}: {held.message}"
                    )
                    told = True
                time.sleep(0.5)


@contextmanager
def user_errors() -> Iterator[None]:
    """Turn our own errors into a step failure that shows the message and the fix instead of a stack trace.

    A mistake in the feed or the settings stays a mistake when repeated, so the step is not retried.
    """
    try:
        yield
    except PlatefulError as error:
        raise dg.Failure(str(error), metadata={"fix": error.fix}, allow_retries=False) from error


def run_is_finished(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Tell whether a run will write no more; a run that this instance does not know may still be alive."""
    run = instance.get_run_by_id(run_id)
    return run is not None and run.is_finished
