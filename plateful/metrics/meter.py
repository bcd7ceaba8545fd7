"""The meter: the declared metrics of one process, and the only door by which they change."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics, generate_latest

from plateful.metrics.clock import Laps, stopwatch
from plateful.metrics.declared import RUN_METRICS, STAGE_SECONDS, Metric
from plateful.metrics.gpu import gpu_memory
from plateful.metrics.histogram import Histogram
from plateful.metrics.vocabulary import STAGES

# One more series for each of ours, which nothing of ours reads.
disable_created_metrics()
# (sample name, sorted labels) -> value
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


class Meter:
    """Counters, gauges and histograms of some declared metrics; safe between threads.

    Args:
        metrics: what it has.
    """

    def __init__(self, metrics: Sequence[Metric] = RUN_METRICS) -> None:
        self.metrics = tuple(metrics)
        self._start()

    def count(self, metric: Metric, amount: float = 1, **labels: str) -> None:
        """Add to a counter."""
        values = self._values(metric, labels)
        counter = self._counters[metric]
        (counter.labels(*values) if values else counter).inc(amount)

    def set(self, metric: Metric, value: float, **labels: str) -> None:
        """Set a gauge."""
        values = self._values(metric, labels)
        gauge = self._gauges[metric]
        (gauge.labels(*values) if values else gauge).set(value)

    def observe(self, metric: Metric, value: float, times: int = 1, **labels: str) -> None:
        """Add a value to a histogram, for so many items."""
        self._histograms[metric].observe(self._values(metric, labels), value, times)

    @contextmanager
    def timed(self, stage: str, items: int = 1) -> Iterator[None]:
        """Time a block as one stage of `items` items that share it; a block that raises has no time."""
        with stopwatch() as elapsed:
            yield
        if items:
            self.observe(STAGE_SECONDS, elapsed() / items, items, stage=stage)

    def laps(self, laps: Laps, items: int) -> None:
        """Add the laps of one batch of `items` items, whose device has finished."""
        for stage, seconds in laps.read().items():
            self.observe(STAGE_SECONDS, seconds / items, items, stage=stage)

    def begin(self) -> None:
        """Start from zero, and show every stage there, so that a rate sees its first items too.

        A process that works on one run after another sends each one's figures under that run's name.
        """
        self._start()
        for stage in STAGES:
            self.observe(STAGE_SECONDS, 0.0, 0, stage=stage)

    def text(self) -> str:
        """Return everything in Prometheus' text format."""
        self.sample_gpu()
        return generate_latest(self.registry).decode()

    def samples(self) -> Samples:
        """Return everything that it has."""
        self.sample_gpu()
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in self.registry.collect()
            for sample in family.samples
        }

    def sample_gpu(self) -> None:
        """Set the gauges of GPU memory to what it is now."""
        for metric, value in gpu_memory().items():
            self.set(metric, value)

    def _start(self) -> None:
        self.registry = CollectorRegistry()
        self._bounds = {metric: [label.bounded(set()) for label in metric.labels] for metric in self.metrics}
        kinds = {
            kind: [metric for metric in self.metrics if metric.kind == kind]
            for kind in ("counter", "gauge", "histogram")
        }
        self._counters = {m: Counter(m.name, m.help, m.label_names, registry=None) for m in kinds["counter"]}
        self._gauges = {m: Gauge(m.name, m.help, m.label_names, registry=None) for m in kinds["gauge"]}
        self._histograms = {m: Histogram(m) for m in kinds["histogram"]}
        for collector in (*self._histograms.values(), *self._counters.values(), *self._gauges.values()):
            self.registry.register(collector)

    def _values(self, metric: Metric, labels: Mapping[str, str]) -> tuple[str, ...]:
        pairs = zip(metric.label_names, self._bounds[metric], strict=True)
        return tuple(bound(labels[name]) for name, bound in pairs)


def series(metrics: Iterable[Metric]) -> int:
    """Return how many series one process can have of some metrics."""
    return sum(metric.most_series for metric in metrics)


# What this process measures: measuring points are deep in loops, on several threads.
METER = Meter()
