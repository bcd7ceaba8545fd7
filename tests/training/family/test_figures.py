"""Figures: intervals that hold their value, and an AUC that is what its definition says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.family.figures import auc, mean, share


@given(
    st.lists(
        st.tuples(st.integers(-5, 5), st.booleans()),
        min_size=2,
        max_size=40,
    )
)
def test_auc_is_the_share_of_pairs_in_order(cases: list[tuple[int, bool]]) -> None:
    scores, truth = np.array([s for s, _ in cases]), np.array([t for _, t in cases])
    true, false = scores[truth][:, None], scores[~truth][None]
    pairs = (true > false) + (true == false) / 2
    found = auc(scores, truth)
    assert np.isnan(found) if not pairs.size else found == pytest.approx(pairs.mean())


def test_a_share_lies_in_its_interval() -> None:
    figure = share(np.array([True] * 90 + [False] * 10))
    assert (figure.value, figure.n) == (0.9, 100)
    assert 0.82 < figure.low < 0.9 < figure.high < 0.95


def test_a_mean_lies_in_its_interval_and_is_the_same_each_time() -> None:
    values = np.random.default_rng(0).normal(3, 1, 200)
    figure = mean(values)
    assert figure.low < values.mean() < figure.high
    assert figure == mean(values)
    assert figure.rounded()["n"] == 200
