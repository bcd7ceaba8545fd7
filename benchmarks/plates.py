"""Plates a second: every archetype at 128 px, in a pool with one process a core, as training draws them.

Run `python -m benchmarks.plates` on an idle machine. Five timed repeats after a warm-up that fills the
texture caches; writes `benchmarks/results/plates.json`, {metric: {value (median), low, high, n}}. The bar is
60 pictures a second on two cores.
"""

import json
import os
import platform
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from training.plates import ARCHETYPES, captions, render, sample_plate
from training.plates.render import single_threaded

RESULTS = Path(__file__).resolve().parent / "results" / "plates.json"
ROUNDS = 24  # plates of each archetype in one repeat: 816 pictures
REPEATS = 5
CHUNK = 17


def draw(order: tuple[int, str]) -> float:
    """Sample, describe and render one plate -> CPU seconds."""
    started = time.process_time()
    seed, archetype = order
    plate = sample_plate(seed, archetype=archetype)
    captions(plate)
    render(plate, 128)
    return time.process_time() - started


def repeat(pool: ProcessPoolExecutor, first_seed: int) -> tuple[float, float]:
    """Draw ROUNDS of all archetypes -> pictures a wall second, CPU milliseconds a picture."""
    names = list(ARCHETYPES) * ROUNDS
    orders = [(first_seed + i, name) for i, name in enumerate(names)]
    started = time.monotonic()
    spent = list(pool.map(draw, orders, chunksize=CHUNK))
    return len(orders) / (time.monotonic() - started), 1000 * sum(spent) / len(orders)


def summary(values: list[float]) -> dict[str, float]:
    """Median, range and number of repeats."""
    return {
        "value": round(statistics.median(values), 2),
        "low": round(min(values), 2),
        "high": round(max(values), 2),
        "n": len(values),
    }


def main() -> None:
    """Measure, print and write."""
    cores = os.cpu_count() or 1
    with ProcessPoolExecutor(cores, mp_context=get_context("spawn"), initializer=single_threaded) as pool:
        repeat(pool, 0)
        rates, costs = zip(*(repeat(pool, 10_000 * (k + 1)) for k in range(REPEATS)), strict=True)
    result = {
        f"plates_per_second_on_{cores}_cores": summary(list(rates)),
        "cpu_milliseconds_per_plate": summary(list(costs)),
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    print(f"{cores} cores, {platform.machine()}")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
