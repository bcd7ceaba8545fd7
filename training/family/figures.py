"""Figures with their uncertainty: every one a value, a 95 % interval, and what it was counted over."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from plateful.evaluation.scores import wilson

RESAMPLES = 400
SEED = 5


@dataclass(frozen=True)
class Figure:
    """A measured value with its 95 % interval over n independent cases."""

    value: float
    low: float
    high: float
    n: int

    def rounded(self) -> dict[str, float | int]:
        """Return the JSON form, four decimals."""
        return {
            "value": round(self.value, 4),
            "low": round(self.low, 4),
            "high": round(self.high, 4),
            "n": self.n,
        }


def share(hits: np.ndarray) -> Figure:
    """Share of true values, with Wilson's interval."""
    low, high = wilson(int(hits.sum()), len(hits))
    return Figure(float(hits.mean()), low, high, len(hits))


def resampled(measure: Callable[[np.ndarray], float], n: int) -> Figure:
    """A measure of cases picked by index, with a percentile bootstrap over the cases."""
    rng = np.random.default_rng(SEED)
    found = [measure(rng.integers(n, size=n)) for _ in range(RESAMPLES)]
    low, high = np.nanquantile(found, (0.025, 0.975))
    return Figure(measure(np.arange(n)), float(low), float(high), n)


def mean(values: np.ndarray) -> Figure:
    """Mean of values."""
    return resampled(lambda picked: float(values[picked].mean()), len(values))


def auc(scores: np.ndarray, truth: np.ndarray) -> float:
    """Area under the ROC curve: how often a true case outscores a false one, ties half; nan without both."""
    ranks = rankdata(scores)
    positives, negatives = int(truth.sum()), int((~truth).sum())
    if not positives or not negatives:
        return float("nan")
    return float((ranks[truth].sum() - positives * (positives + 1) / 2) / (positives * negatives))
