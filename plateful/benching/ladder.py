"""The ablation ladder, measured in one interleaved run: every round renders the same prompts on every rung.

Pictures of all rounds are scored; a rung's quality is compared with the first rung's pair by pair, on equal
prompts and seeds.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np
from scipy.stats import bootstrap
from torch.utils.flop_counter import FlopCounterMode

from plateful.benching.memory import PeakMemory
from plateful.benching.prices import PriceTable
from plateful.benching.rungs import Rung, Speedups, first_rung, half_rung, upper_rungs, without_compile
from plateful.benching.runners import Runners
from plateful.errors import ConfigError
from plateful.evaluation.items import EvalItem
from plateful.rendering.compiling import missing_compiler

# (items, pictures) -> score by name -> one value a picture.
Score = Callable[[Sequence[EvalItem], Sequence[np.ndarray]], Mapping[str, Sequence[float]]]
# Bar C1: the score may fall by no more than this, at the lower end of the interval.
QUALITY_BAR = 0.02
RESAMPLES = 9999
SEED = 7


@dataclass
class _Measured:
    """What the rounds of one rung gave."""

    rung: Rung
    note: str | None = None
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    peak: int = 0
    tflop: float = 0.0
    pictures: list[np.ndarray] = field(default_factory=list)


def run_ladder(
    runners: Runners,
    items: Sequence[EvalItem],
    *,
    images: int,
    repeats: int,
    speedups: Speedups,
    prices: PriceTable,
    score: Score | None,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> dict[str, Any]:
    """Measure the ladder and return it as the result file's document.

    Args:
        runners: run rungs of one model.
        items: prompts with their rubrics, taken in turn.
        images: pictures of each rung, shared out over the rounds.
        repeats: rounds, A B A B; seconds are medians over them.
        speedups: what the upper rungs use.
        prices: price table.
        score: scores pictures; None for random weights, whose pictures are noise.
        on_progress: told (rounds of a rung done, total).

    Raises:
        ConfigError: fewer pictures than rounds.
    """
    if images < repeats:
        raise ConfigError(f"{images} images in {repeats} repeats", fix="ask for at least one image a repeat")
    ladder = [_Measured(rung, note) for rung, note in _rungs(runners, items, speedups)]
    shares = np.array_split(np.arange(images), repeats)
    for number, share in enumerate(shares):
        for place, measured in enumerate(ladder):
            _round(runners, items, measured, share)
            on_progress(number * len(ladder) + place + 1, repeats * len(ladder))
    for measured in ladder:
        measured.tflop = _tflop(runners, items, measured.rung)
    order = [items[n % len(items)] for n in range(images)]
    scores = [score(order, measured.pictures) if score else {} for measured in ladder]
    device = runners.renderer(ladder[1].rung).device
    return {
        "model": runners.base.model,
        "model_version": runners.base.digest,
        "hardware": device,
        "images": images,
        "repeats": repeats,
        "quality_scores": list(scores[0]),
        "prices": {"source": prices.source, "date": prices.date, "mfu": prices.mfu},
        "rungs": [
            {**_timing(m, ladder[0]), **_quality(own, scores[0]), **_costs(m, prices, device)}
            for m, own in zip(ladder, scores, strict=True)
        ],
    }


def _rungs(runners: Runners, items: Sequence[EvalItem], speedups: Speedups) -> list[tuple[Rung, str | None]]:
    """Return the rungs, each warm. Half precision and compilation are built upon where they are faster."""
    first = first_rung(runners.profile, speedups.first_steps)
    half = half_rung(first)
    plain_loop = Rung("", "", half.profile.model_copy(update={"dtype": "float32"}))
    faster = _warm_seconds(runners, items, half) < _warm_seconds(runners, items, plain_loop)
    note = None if faster else "slower than float32 on this device: the rungs above stay in float32"
    _warm_seconds(runners, items, first)
    rungs: list[tuple[Rung, str | None]] = [(first, None), (half, note)]
    upper = upper_rungs(half if faster else plain_loop, speedups)
    times = {rung.name: _warm_seconds(runners, items, rung) for rung in upper[:-1]}
    told = _no_gain(runners, times)
    for rung in upper:
        above = without_compile(rung) if told and rung.name == "cache" else rung
        rungs.append((above, told if rung.name == "compile" else None))
    # The last of the timed ones may have changed since.
    for rung, _ in rungs[-2:]:
        _warm_seconds(runners, items, rung)
    return rungs


def _no_gain(runners: Runners, times: Mapping[str, float]) -> str | None:
    """Return why nothing is built upon the compile rung, None where it pays."""
    if "compile" not in times:
        return "not compiled"
    missing = missing_compiler(runners.place)
    if missing:
        return f"no compiler ({missing}): eager"
    slower = times["compile"] >= times["fewer-steps"]
    return "no faster: the rung above runs eager" if slower else None


def _warm_seconds(runners: Runners, items: Sequence[EvalItem], rung: Rung) -> float:
    """Return the seconds of a rung's second batch; the first one compiles and allocates."""
    tasks = runners.tasks(rung, items, rung.profile.batch)
    runners.run(rung, tasks)
    started = time.perf_counter()
    runners.run(rung, tasks)
    return time.perf_counter() - started


def _round(runners: Runners, items: Sequence[EvalItem], measured: _Measured, share: np.ndarray) -> None:
    tasks = [runners.tasks(measured.rung, items, int(share[-1]) + 1)[n] for n in share]
    with PeakMemory(runners.place) as peak:
        started, cpu = time.perf_counter(), time.process_time()
        measured.pictures += runners.run(measured.rung, tasks)
        measured.seconds.append((time.perf_counter() - started) / len(tasks))
        measured.cpu_seconds.append((time.process_time() - cpu) / len(tasks))
    measured.peak = max(measured.peak, peak.bytes)


def _tflop(runners: Runners, items: Sequence[EvalItem], rung: Rung) -> float:
    """Count one batch's work, run eager: compiled code hides it from the counter."""
    counted = without_compile(rung)
    tasks = runners.tasks(counted, items, counted.profile.batch)
    if not counted.plain:
        # Prompts are embedded again, or a rung would look cheaper for having been run before.
        runners.renderer(counted).text.flush()
    with FlopCounterMode(display=False) as counter:
        runners.run(counted, tasks)
    return counter.get_total_flops() / len(tasks) / 1e12


def _timing(measured: _Measured, first: _Measured) -> dict[str, Any]:
    seconds, profile = median(measured.seconds), measured.rung.profile
    ratios = [base / own for base, own in zip(first.seconds, measured.seconds, strict=True)]
    work = [base / own for base, own in zip(first.cpu_seconds, measured.cpu_seconds, strict=True)]
    return {
        "name": measured.rung.name,
        "what": measured.rung.what,
        "note": measured.note,
        "profile": profile.model_dump(exclude_none=True),
        "seconds_per_image": round(seconds, 5),
        "seconds_range": [round(min(measured.seconds), 5), round(max(measured.seconds), 5)],
        "images_per_second": round(1 / seconds, 3),
        "cpu_seconds_per_image": round(median(measured.cpu_seconds), 5),
        "peak_memory_mb": round(measured.peak / 1e6),
        "tflop_per_image": float(f"{measured.tflop:.4g}"),
        "speedup": round(median(ratios), 2),
        "speedup_range": [round(min(ratios), 2), round(max(ratios), 2)],
        "cpu_speedup": round(median(work), 2),
    }


def _quality(scores: Mapping[str, Sequence[float]], first: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Return each score's mean, its interval, and its change against the first rung, pair by pair."""
    if not scores:
        return {"quality": None, "quality_interval": None, "within_bar": None}
    fields: dict[str, Any] = {}
    for name, values in scores.items():
        own, base = np.asarray(values, float), np.asarray(first[name], float)
        fields[name] = round(float(own.mean()), 4)
        fields[f"{name}_interval"] = _interval(own)
        fields[f"{name}_change"] = round(float((own - base).mean()), 4)
        fields[f"{name}_change_interval"] = _interval(own - base)
    lows = [fields[f"{name}_change_interval"][0] for name in scores]
    return {**fields, "within_bar": min(lows) >= -QUALITY_BAR}


def _interval(values: np.ndarray) -> list[float]:
    """Return the 95 % bootstrap interval of a mean."""
    if np.ptp(values) == 0:
        return [round(float(values[0]), 4)] * 2
    found = bootstrap(
        (values,), np.mean, n_resamples=RESAMPLES, method="percentile", rng=np.random.default_rng(SEED)
    ).confidence_interval
    return [round(float(found.low), 4), round(float(found.high), 4)]


def _costs(measured: _Measured, prices: PriceTable, device: str) -> dict[str, Any]:
    dtype = measured.rung.profile.dtype
    return {"costs": prices.costs(median(measured.seconds), measured.tflop, device, dtype)}
