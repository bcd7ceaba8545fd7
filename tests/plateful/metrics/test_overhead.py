"""What measuring costs: under 1 % of a batch, at the fastest rendering that there is a record of."""

import time

from plateful.metrics import declared as d
from plateful.metrics.clock import Laps
from plateful.metrics.meter import Meter

BATCH = 8
# Four-step SDXL on an H200 at its arithmetic limit: 21 images/s; nothing of ours renders faster.
FASTEST_BATCH = BATCH / 21


def measure_a_batch(meter: Meter) -> None:
    """What the measuring points of one batch call, scores and storing included."""
    laps = Laps()
    for stage in ("text_encode", "denoise", "decode"):
        laps.lap(stage)
    meter.laps(laps, BATCH)
    for _ in range(BATCH):
        meter.observe(d.RENDER_SECONDS, 0.3, model="sdxl")
        with meter.timed("store"):
            pass
        meter.count(d.CANDIDATES, outcome="rendered", model="sdxl")
    for stage, gate in (
        ("score_safety", "safety"),
        ("score_quality", "quality"),
        ("score_judge", "fidelity"),
    ):
        with meter.timed(stage, BATCH):
            pass
        for verdict in ("passed", "failed"):
            meter.count(d.VERDICTS, BATCH / 2, gate=gate, verdict=verdict)
        for _ in range(BATCH):
            meter.count(d.REJECTIONS, gate=gate, reason="text")
    meter.set(d.PENDING, 7)


def test_measuring_a_batch_costs_under_one_percent_of_the_fastest_batch() -> None:
    meter, repeats = Meter(), 200
    best = float("inf")
    for _ in range(5):
        started = time.process_time()
        for _ in range(repeats):
            measure_a_batch(meter)
        best = min(best, (time.process_time() - started) / repeats)
    print(f"{best * 1e6:.0f} us a batch of {BATCH}, {best / FASTEST_BATCH:.3%} of {FASTEST_BATCH:.2f} s")
    assert best < 0.01 * FASTEST_BATCH


def test_a_million_planned_candidates_are_one_observation() -> None:
    meter = Meter()
    started = time.process_time()
    for _ in range(100):
        meter.observe(d.STAGE_SECONDS, 1e-5, 1_000_000, stage="plan")
    assert time.process_time() - started < 0.5


def test_handing_over_is_small() -> None:
    meter = Meter()
    meter.begin()
    measure_a_batch(meter)
    started = time.process_time()
    text = meter.text()
    assert time.process_time() - started < 0.25
    assert len(text) < 200_000
