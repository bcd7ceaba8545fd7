"""Hands a process's figures over while it works and at its end; nothing that fails there stops the work."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Protocol

from plateful.item_faults import told
from plateful.metrics.declared import FINISHED, PUSH_FAILURES, STARTED
from plateful.metrics.gateway import Gateway, own_group
from plateful.metrics.meter import METER, Meter
from plateful.metrics.textfile import Textfile

# Half of the usual scrape interval.
EVERY = 15.0
# Longest that the last delivery may hold up a process's end; a push has a timeout of its own below it.
LAST = 8.0


class Outlet(Protocol):
    """Where figures go: a gateway or a file."""

    def send(self, meter: Meter) -> None:
        """Hand the meter's figures over; raises when it cannot."""
        ...


def outlet(gateway: str | None, home: Path, run_id: str) -> Outlet:
    """Return where figures go: the gateway where there is one, else `metrics/` under the state folder."""
    return Gateway(gateway, own_group(run_id)) if gateway else Textfile(home / "metrics")


class Delivery:
    """Delivers a meter's figures as long as its block lasts, on a thread of its own, and once at the end.

    Args:
        outlet: where to.
        warn: told at the end, in one line and on the caller's thread, when figures were not handed over.
        meter: whose figures.
        every: seconds between deliveries.
        last: seconds that the end may wait for the last one.
        now: seconds since the epoch.
    """

    def __init__(
        self,
        outlet: Outlet,
        warn: Callable[[str], None],
        meter: Meter = METER,
        *,
        every: float = EVERY,
        last: float = LAST,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._outlet, self._warn, self._meter = outlet, warn, meter
        self._every, self._last, self._now = every, last, now
        self.failures = 0
        self._first = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._deliver, name="metrics", daemon=True)

    def __enter__(self) -> "Delivery":
        self._meter.begin()
        self._meter.set(STARTED, self._now())
        self._meter.set(FINISHED, 0)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(self._last)
        if self._thread.is_alive():
            self._failed(f"not done within {self._last:g} s")
        if self.failures:
            self._warn(
                f"figures of this process were not handed over {self.failures} times ({self._outlet}; first: "
                f"{self._first}); the work went on"
            )

    def _deliver(self) -> None:
        self._send()
        while not self._stop.wait(self._every):
            self._send()
        self._meter.set(FINISHED, 1)
        self._send()

    def _send(self) -> None:
        try:
            self._outlet.send(self._meter)
        except Exception as error:  # whatever it is: figures are worth no run
            self._failed(told(error))

    def _failed(self, why: str) -> None:
        self.failures += 1
        self._first = self._first or why
        self._meter.count(PUSH_FAILURES)
