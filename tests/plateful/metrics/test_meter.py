"""The meter: bounded labels whatever is said, stages per item, names by the conventions."""

import random
import re
import string
import threading

import pytest

from plateful.metrics import declared as d
from plateful.metrics import vocabulary as v
from plateful.metrics.clock import Laps
from plateful.metrics.exposition import read, write
from plateful.metrics.figures import Figures
from plateful.metrics.meter import Meter, series

UNITS = ("_seconds", "_bytes", "_dollars", "_total", "_requests")
# Counts of things that are named by the thing itself.
PLAIN = {d.PENDING, d.FINISHED, d.RENDERS_TODAY, d.IMAGES, d.SHARDS_LEFT}


@pytest.mark.parametrize("metric", d.METRICS, ids=lambda metric: metric.name)
def test_names_follow_the_conventions(metric: d.Metric) -> None:
    assert re.fullmatch(r"plateful_[a-z]+(_[a-z]+)*", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert metric.name.endswith(UNITS) or metric in PLAIN
    assert metric.help.endswith((".", ";")) and bool(metric.buckets) == (metric.kind == "histogram")
    assert list(metric.buckets) == sorted(set(metric.buckets))


def test_every_metric_is_declared_once() -> None:
    names = [metric.name for metric in d.METRICS]
    assert len(names) == len(set(names))


def test_no_input_makes_more_series_than_declared() -> None:
    rng = random.Random(7)  # noqa: S311 - a fixed stream of nonsense
    meter = Meter()

    def nonsense() -> str:
        known = rng.choice([*v.STAGES, *v.REASONS, *v.GATES, "gyoza", 'x"} 1\n', "", "餃子"])
        return known if rng.random() < 0.4 else "".join(rng.choices(string.printable, k=rng.randint(0, 300)))

    for _ in range(20_000):
        metric = rng.choice(d.RUN_METRICS)
        labels = {name: nonsense() for name in metric.label_names}
        if metric.kind == "counter":
            meter.count(metric, **labels)
        elif metric.kind == "gauge":
            meter.set(metric, rng.random(), **labels)
        else:
            meter.observe(metric, rng.expovariate(1), **labels)
    found = read(meter.text(), "the meter")
    for metric in d.RUN_METRICS:
        mine = [key for key in found if key[0] in metric.samples]
        assert 0 < len(mine) <= metric.most_series, metric.name
    assert len(found) <= series(d.RUN_METRICS)
    closed = {label.name: label.values for metric in d.RUN_METRICS for label in metric.labels if label.values}
    for _, labels in found:
        for name, value in labels:
            if name in closed and name not in ("outcome", "gate", "reason"):
                assert value in (*closed[name], v.OTHER)


def test_a_stage_counts_items_and_sums_what_they_took() -> None:
    meter = Meter()
    laps = iter([0.0, 1.0, 9.0])
    timed = Laps(mark=lambda: next(laps))
    timed.lap("text_encode")
    timed.lap("denoise")
    meter.laps(timed, items=4)
    stages = Figures.now(meter).stages
    assert (stages["denoise"].items, stages["denoise"].seconds) == (4, 8.0)
    assert (stages["text_encode"].items, stages["text_encode"].seconds) == (4, 1.0)


def test_a_block_that_raises_has_no_time() -> None:
    meter = Meter()
    with pytest.raises(ValueError, match="broken"), meter.timed("store"):
        raise ValueError("broken")
    assert "store" not in Figures.now(meter).stages


def test_threads_lose_nothing() -> None:
    meter = Meter()

    def work() -> None:
        for _ in range(2_000):
            meter.count(d.PUBLISHED)
            meter.observe(d.STAGE_SECONDS, 0.02, 3, stage="store")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    samples = meter.samples()
    assert samples[d.PUBLISHED.name, ()] == 8_000
    assert samples["plateful_stage_duration_seconds_count", (("stage", "store"),)] == 24_000


def test_begin_shows_every_stage_at_zero_and_forgets_the_run_before() -> None:
    meter = Meter()
    meter.count(d.PUBLISHED, 5)
    meter.begin()
    samples = meter.samples()
    assert samples[d.PUBLISHED.name, ()] == 0
    for stage in v.STAGES:
        assert samples["plateful_stage_duration_seconds_count", (("stage", stage),)] == 0


def test_what_is_written_reads_back() -> None:
    meter = Meter()
    meter.begin()
    meter.observe(d.STAGE_SECONDS, 0.3, 7, stage="denoise")
    meter.count(d.CALLS, provider='o"pen\nai\\', outcome="reply_lost")
    samples = meter.samples()
    assert read(write(samples), "text") == samples
    assert read(meter.text(), "text") == samples
