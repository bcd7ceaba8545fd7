"""Two model versions on the same eval items and seeds: what changed, how surely, as a paired test."""

import numpy as np
import polars as pl
from scipy.stats import bootstrap, permutation_test

from plateful.errors import ContractError
from plateful.evaluation.scores import MEANS, SHARES

# 9,999 sign flips resolve p = 0.0001, and tell 0.05 from 0.045.
RESAMPLES = 9999
SEED = 7
COLUMNS = {
    "metric": pl.String,
    "items": pl.Int64,
    "base": pl.Float64,
    "candidate": pl.Float64,
    "difference": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "p_value": pl.Float64,
}


def compare(base: pl.DataFrame, candidate: pl.DataFrame) -> pl.DataFrame:
    """Compare two versions' scores, item by item.

    Args:
        base: EVAL_SCORES of the version to compare with.
        candidate: EVAL_SCORES of the other version, over the same items.

    Returns:
        One row per metric: means of both, their difference (candidate - base) with a 95 % bootstrap interval
        over items, and the two-sided p value of a paired permutation test (each item's two scores change
        places; for a share that is McNemar's test).

    Raises:
        ContractError: the two are not of the same items, or there are none.
    """
    pairs = base.join(candidate, on="item_id", how="inner", suffix="_candidate")
    if pairs.is_empty() or not pairs.height == base.height == candidate.height:
        raise ContractError(
            f"{base.height} and {candidate.height} eval scores have {pairs.height} items in common",
            fix="evaluate both versions on the same eval set",
        )
    names = {**SHARES, **{name: name for name in MEANS}}
    rows = [
        paired(metric, pairs[column].to_numpy(), pairs[f"{column}_candidate"].to_numpy())
        for metric, column in names.items()
    ]
    return pl.DataFrame(rows, schema=COLUMNS)


def paired(metric: str, base: np.ndarray, candidate: np.ndarray) -> dict[str, str | int | float | None]:
    """Compare two models' values (n,) of one metric, item by item; a row as `compare` returns them.

    A single item has a difference and neither interval nor p value.
    """
    base, candidate = base.astype(np.float64), candidate.astype(np.float64)
    change = candidate - base
    means = {"base": float(base.mean()), "candidate": float(candidate.mean())}
    row = {"metric": metric, "items": len(change), **means, "difference": float(change.mean())}
    if len(change) < 2:
        return {**row, "low": None, "high": None, "p_value": None}
    interval = bootstrap(
        (change,), np.mean, n_resamples=RESAMPLES, method="percentile", rng=np.random.default_rng(SEED)
    ).confidence_interval
    test = permutation_test(
        (candidate, base),
        lambda one, two, axis: np.mean(one - two, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=RESAMPLES,
        rng=np.random.default_rng(SEED),
    )
    low, high = float(interval.low), float(interval.high)
    return {**row, "low": low, "high": high, "p_value": float(test.pvalue)}
