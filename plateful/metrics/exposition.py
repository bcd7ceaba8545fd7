"""Prometheus' text format: read back into samples, and samples of the declared metrics written."""

import math
from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.utils import floatToGoString

from plateful.errors import StoreError
from plateful.metrics.declared import METRICS, Metric

Key = tuple[str, tuple[tuple[str, str], ...]]
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def read(text: str, where: str) -> dict[Key, float]:
    """Return (sample name, sorted labels) -> value.

    Raises:
        StoreError: not the text format; names where it came from.
    """
    try:
        families = list(text_string_to_metric_families(text))
    except (ValueError, KeyError, IndexError) as error:
        raise StoreError(
            f"{where} has no metrics in Prometheus' text format: {error}",
            fix="delete the file, or correct the address",
        ) from error
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def write(samples: Mapping[Key, float]) -> str:
    """Return the samples of declared metrics as text, in the order of their declaration."""
    lines = []
    for metric in METRICS:
        rows = sorted(
            (key for key in samples if key[0] in metric.samples), key=lambda key: _order(metric, key)
        )
        if rows:
            lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind}"]
            lines += [_line(key, samples[key]) for key in rows]
    return "\n".join(lines) + "\n"


def _order(metric: Metric, key: Key) -> tuple:
    """One series' buckets together and rising, then its sum and count."""
    labels = dict(key[1])
    bound = float(labels.pop("le")) if "le" in labels else math.inf
    return tuple(sorted(labels.items())), metric.samples.index(key[0]), bound


def _line(key: Key, value: float) -> str:
    name, labels = key
    told = ",".join(f'{label}="{text.translate(_ESCAPES)}"' for label, text in labels)
    return f"{name}{{{told}}} {floatToGoString(value)}" if told else f"{name} {floatToGoString(value)}"
