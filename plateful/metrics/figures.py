"""Figures of a span of work: stage percentiles, throughput, rejections; the difference of two readings.

Percentiles come from the histograms' buckets, as Prometheus computes them, so that a dashboard and an asset's
metadata say the same, and the figures of many shards add up.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from plateful.metrics.declared import GPU_PEAK, REJECTIONS, STAGE_BUCKETS, STAGE_SECONDS, VERDICTS
from plateful.metrics.meter import Meter

Samples = Mapping[tuple[str, tuple[tuple[str, str], ...]], float]
_BOUNDS = (*STAGE_BUCKETS, float("inf"))


@dataclass(frozen=True)
class Distribution:
    """Items by the seconds they took: `counts` per bucket of STAGE_BUCKETS and beyond, `seconds` in all."""

    counts: tuple[float, ...] = (0.0,) * len(_BOUNDS)
    seconds: float = 0.0

    @property
    def items(self) -> int:
        """How many items there were."""
        return round(sum(self.counts))

    def quantile(self, share: float) -> float | None:
        """Return the seconds that a share of the items kept to, interpolated; None without items.

        What lies beyond the last bucket counts as its bound, as in Prometheus.
        """
        rank, below = share * sum(self.counts), 0.0
        if not self.items:
            return None
        for (low, high), count in zip(pairwise((0.0, *_BOUNDS)), self.counts, strict=True):
            if count and below + count >= rank:
                return low if high == _BOUNDS[-1] else low + (high - low) * (rank - below) / count
            below += count
        return STAGE_BUCKETS[-1]

    def __add__(self, other: "Distribution") -> "Distribution":
        """Put two distributions together."""
        counts = tuple(a + b for a, b in zip(self.counts, other.counts, strict=True))
        return Distribution(counts, self.seconds + other.seconds)

    def __sub__(self, other: "Distribution") -> "Distribution":
        """Return what came since an earlier reading."""
        counts = tuple(a - b for a, b in zip(self.counts, other.counts, strict=True))
        return Distribution(counts, self.seconds - other.seconds)


@dataclass(frozen=True)
class Figures:
    """What a span of work did.

    Attributes:
        stages: stage -> its items' seconds.
        verdicts: `<gate>:passed` and `<gate>:failed` -> pictures.
        rejections: `<gate>:<reason>` -> pictures.
        gpu_peak: most bytes of GPU memory in use, 0 without a GPU.
    """

    stages: Mapping[str, Distribution] = field(default_factory=dict)
    verdicts: Mapping[str, float] = field(default_factory=dict)
    rejections: Mapping[str, float] = field(default_factory=dict)
    gpu_peak: float = 0.0

    @classmethod
    def of(cls, samples: Samples) -> "Figures":
        """Read them from a meter's or an exposition's samples; series of several processes add up."""
        return cls(
            _stages(samples),
            _counts(samples, VERDICTS.name, "gate", "verdict"),
            _counts(samples, REJECTIONS.name, "gate", "reason"),
            max((value for (name, _), value in samples.items() if name == GPU_PEAK.name), default=0.0),
        )

    @classmethod
    def now(cls, meter: Meter) -> "Figures":
        """Read a meter."""
        return cls.of(meter.samples())

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Figures":
        """Read what `to_json` made; an empty document is no work."""
        stages = {
            name: Distribution(tuple(each["counts"]), each["seconds"])
            for name, each in document.get("stages", {}).items()
        }
        rest = {name: document[name] for name in ("verdicts", "rejections", "gpu_peak") if name in document}
        return cls(stages, **rest)

    def to_json(self) -> dict[str, Any]:
        """Return them as a JSON document, stages without items left out."""
        stages = {
            name: {"counts": list(each.counts), "seconds": each.seconds}
            for name, each in self.stages.items()
            if each.items
        }
        return {
            "stages": stages,
            "verdicts": dict(self.verdicts),
            "rejections": dict(self.rejections),
            "gpu_peak": self.gpu_peak,
        }

    def __add__(self, other: "Figures") -> "Figures":
        """Put two spans together."""
        none = Distribution()
        names = dict.fromkeys((*self.stages, *other.stages))
        return Figures(
            {name: self.stages.get(name, none) + other.stages.get(name, none) for name in names},
            _merged(self.verdicts, other.verdicts, 1),
            _merged(self.rejections, other.rejections, 1),
            max(self.gpu_peak, other.gpu_peak),
        )

    def since(self, earlier: "Figures") -> "Figures":
        """Return what came after an earlier reading of the same meter; the GPU's peak is the process's."""
        none = Distribution()
        return Figures(
            {name: each - earlier.stages.get(name, none) for name, each in self.stages.items()},
            _merged(self.verdicts, earlier.verdicts, -1),
            _merged(self.rejections, earlier.rejections, -1),
            self.gpu_peak,
        )

    def reject_rates(self) -> dict[str, float]:
        """Return `<gate>:<reason>` -> share of the pictures that the gate judged; most frequent first.

        Quarantined candidates (`render:`) have no gate: theirs is the share of all that were judged or lost.
        """
        lost = sum(count for name, count in self.rejections.items() if name.startswith("render:"))
        judged: dict[str, float] = {}
        for name, count in self.verdicts.items():
            gate = name.partition(":")[0]
            judged[gate] = judged.get(gate, 0.0) + count
        judged["render"] = max(judged.values(), default=0.0) + lost
        rates = {
            name: count / judged[name.partition(":")[0]]
            for name, count in self.rejections.items()
            if judged.get(name.partition(":")[0])
        }
        return dict(sorted(rates.items(), key=lambda each: (-each[1], each[0])))


def total(spans: Iterable[Figures]) -> Figures:
    """Put spans together."""
    done = Figures()
    for span in spans:
        done = done + span
    return done


def stage_rows(figures: Figures) -> list[dict[str, Any]]:
    """Return a row per stage that had items: items, p50, p95 and p99 seconds an item, seconds in all."""
    return [
        {
            "stage": name,
            "items": each.items,
            **{f"p{share}": round(each.quantile(share / 100) or 0.0, 5) for share in (50, 95, 99)},
            "seconds": round(each.seconds, 3),
        }
        for name, each in figures.stages.items()
        if each.items
    ]


def stage_table(figures: Figures) -> str:
    """Return the stages as a Markdown table, seconds per item."""
    lines = ["| stage | items | p50 | p95 | p99 | seconds |", "| --- | ---: | ---: | ---: | ---: | ---: |"]
    for row in stage_rows(figures):
        lines.append("| " + " | ".join(str(cell) for cell in row.values()) + " |")
    return "\n".join(lines)


def _stages(samples: Samples) -> dict[str, Distribution]:
    bucket, seconds = f"{STAGE_SECONDS.name}_bucket", f"{STAGE_SECONDS.name}_sum"
    below: dict[str, dict[float, float]] = {}
    sums: dict[str, float] = {}
    for (name, labels), value in samples.items():
        if name == bucket:
            told = dict(labels)
            bounds = below.setdefault(told["stage"], dict.fromkeys(_BOUNDS, 0.0))
            bounds[float(told["le"])] += value
        elif name == seconds:
            stage = dict(labels)["stage"]
            sums[stage] = sums.get(stage, 0.0) + value
    return {
        stage: Distribution(tuple(b - a for a, b in pairwise((0.0, *bounds.values()))), sums[stage])
        for stage, bounds in below.items()
    }


def _counts(samples: Samples, metric: str, *by: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for (name, labels), value in samples.items():
        if name == metric and value:
            told = dict(labels)
            key = ":".join(told[label] for label in by)
            found[key] = found.get(key, 0.0) + value
    return found


def _merged(one: Mapping[str, float], other: Mapping[str, float], sign: int) -> dict[str, float]:
    names = dict.fromkeys((*one, *other))
    sums = {name: one.get(name, 0.0) + sign * other.get(name, 0.0) for name in names}
    return {name: value for name, value in sums.items() if value}
