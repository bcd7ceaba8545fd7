"""The exporter: readings as gauges, taken at a scrape, but not more often than their sources bear."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import add

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric as Family

from plateful.metrics.clock import stopwatch
from plateful.metrics.declared import (
    EXPORTER_METRICS,
    LEASE_AGE,
    LEASE_EXPIRY,
    REFRESH_ERRORS,
    REFRESH_SECONDS,
    REFRESHED,
    Metric,
)
from plateful.metrics.readings import Reading

Key = tuple[Metric, tuple[str, ...]]
# What does not add up: of several leases under one label the one in the worst state counts.
_WORST: dict[Metric, Callable[[float, float], float]] = {LEASE_AGE: max, LEASE_EXPIRY: min}


@dataclass
class Source:
    """Where readings come from.

    Attributes:
        read: takes them.
        every: seconds for which they are kept.
    """

    read: Callable[[], Iterable[Reading]]
    every: float
    taken: float | None = None
    readings: list[Reading] = field(default_factory=list)


class Exporter:
    """A Prometheus collector over sources; one scrape at a time reads, the others get what was read.

    A source that fails shows no gauges, rather than old ones, and counts an error.

    Args:
        sources: by name, as in the label `source`.
        warn: told each time that a source begins to fail.
        monotonic: seconds that only rise.
        now: seconds since the epoch.
    """

    def __init__(
        self,
        sources: Mapping[str, Source],
        warn: Callable[[str], None],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._sources, self._warn, self._monotonic, self._now = dict(sources), warn, monotonic, now
        self._lock = threading.Lock()
        self._own: dict[Key, float] = {(REFRESH_ERRORS, (name,)): 0.0 for name in sources}
        self._failing: set[str] = set()
        # Kept for good: what an open label has met first keeps its name.
        self._bounds = {
            metric: [label.bounded(set()) for label in metric.labels] for metric in EXPORTER_METRICS
        }

    def readings(self) -> dict[Key, float]:
        """Return (gauge, label values) -> value; values that a label does not tell apart add up."""
        with self._lock:
            for name, source in self._sources.items():
                if source.taken is None or self._monotonic() - source.taken >= source.every:
                    self._refresh(name, source)
            found: dict[Key, float] = {}
            for source in self._sources.values():
                for metric, labels, value in source.readings:
                    key = metric, self._bounded(metric, labels)
                    together = _WORST.get(metric, add)
                    found[key] = together(found[key], value) if key in found else value
            return found | self._own

    def collect(self) -> Iterator[Family]:
        """Give the readings to a registry."""
        families: dict[Metric, Family] = {}
        for (metric, values), value in self.readings().items():
            kind = "gauge" if metric.kind == "gauge" else "counter"
            family = families.setdefault(
                metric, Family(metric.name.removesuffix("_total"), metric.help, kind)
            )
            family.add_sample(metric.name, dict(zip(metric.label_names, values, strict=True)), value)
        yield from families.values()

    def describe(self) -> list[Family]:
        """Say nothing beforehand: registering must read nothing."""
        return []

    def text(self) -> str:
        """Return the readings in Prometheus' text format."""
        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry).decode()

    def _refresh(self, name: str, source: Source) -> None:
        source.taken, source.readings = self._monotonic(), []
        with stopwatch() as elapsed:
            try:
                source.readings = list(source.read())
            except Exception as error:  # whatever it is: the other sources go on
                self._own[REFRESH_ERRORS, (name,)] += 1
                if name not in self._failing:
                    self._warn(f"metrics of the {name} cannot be read: {error}")
                self._failing.add(name)
            else:
                self._failing.discard(name)
                self._own[REFRESHED, (name,)] = self._now()
        self._own[REFRESH_SECONDS, (name,)] = elapsed()

    def _bounded(self, metric: Metric, labels: Mapping[str, str]) -> tuple[str, ...]:
        pairs = zip(metric.label_names, self._bounds[metric], strict=True)
        return tuple(bound(labels[name]) for name, bound in pairs)
