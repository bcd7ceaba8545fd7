"""Figures: percentiles as Prometheus computes them, differences of readings, sums of shards."""

import json
import random

import pytest

from plateful.metrics.declared import GPU_PEAK, REJECTIONS, STAGE_BUCKETS, STAGE_SECONDS, VERDICTS
from plateful.metrics.figures import Distribution, Figures, stage_rows, stage_table, total
from plateful.metrics.meter import Meter


def observed(seconds: list[float], stage: str = "denoise") -> Figures:
    meter = Meter()
    for each in seconds:
        meter.observe(STAGE_SECONDS, each, stage=stage)
    return Figures.now(meter)


def test_a_percentile_is_interpolated_in_its_bucket() -> None:
    # 100 items between 0.5 and 1 s: Prometheus answers 0.5 + 0.5 * rank / 100.
    found = observed([0.7] * 100).stages["denoise"]
    assert found.quantile(0.5) == pytest.approx(0.75)
    assert found.quantile(0.95) == pytest.approx(0.975)


def test_percentiles_are_within_their_bucket_of_the_true_ones() -> None:
    rng = random.Random(3)  # noqa: S311 - a fixed sample
    seconds = sorted(rng.lognormvariate(-1, 1.2) for _ in range(5_000))
    found = observed(seconds).stages["denoise"]
    for share in (0.5, 0.95, 0.99):
        true, answer = seconds[int(share * 5_000)], found.quantile(share)
        bound = next(bound for bound in STAGE_BUCKETS if bound >= true)
        low = max([0.0, *(b for b in STAGE_BUCKETS if b < true)])
        assert answer is not None
        assert low <= answer <= bound


def test_nothing_has_no_percentile_and_the_beyond_counts_as_the_last_bound() -> None:
    assert Distribution().quantile(0.5) is None
    assert observed([1e6]).stages["denoise"].quantile(0.99) == STAGE_BUCKETS[-1]


def test_shards_add_up_through_their_json() -> None:
    meter = Meter()
    meter.observe(STAGE_SECONDS, 9.0, stage="store")
    before = Figures.now(meter)
    meter.observe(STAGE_SECONDS, 0.2, 3, stage="store")
    meter.count(VERDICTS, 6, gate="safety", verdict="passed")
    meter.count(VERDICTS, 2, gate="safety", verdict="failed")
    meter.count(REJECTIONS, 2, gate="safety", reason="text")
    meter.count(REJECTIONS, 2, gate="render", reason="not_finite")
    meter.set(GPU_PEAK, 5e9)
    shard = Figures.now(meter).since(before)
    sent = Figures.from_json(json.loads(json.dumps(shard.to_json())))
    both = total([sent, sent])
    assert both.stages["store"].items == 6
    assert both.stages["store"].seconds == pytest.approx(1.2)
    assert both.gpu_peak == 5e9
    assert both.reject_rates() == {"safety:text": 0.25, "render:not_finite": 0.2}
    assert [row["stage"] for row in stage_rows(both)] == ["store"]
    assert stage_table(both).count("\n") == 2


def test_no_shards_are_no_work() -> None:
    assert total([]) == Figures() == Figures.from_json({})
    assert Figures().reject_rates() == {}
