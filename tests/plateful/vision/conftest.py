"""Plates with known truth, drawn once per session."""

import functools

import numpy as np
import pytest

from training.plates import Rendered, render, sample_plate


@functools.cache
def drawn(seed: int, defects: tuple[tuple[str, float], ...] = ()) -> Rendered:
    return render(sample_plate(seed, defects=defects))


@pytest.fixture(scope="session")
def clean() -> list[Rendered]:
    return [drawn(seed) for seed in range(900_000, 900_024)]


@pytest.fixture(scope="session")
def flawed():  # noqa: ANN201 - a factory
    def make(name: str, strength: float, count: int = 8) -> list[np.ndarray]:
        return [drawn(910_000 + i, ((name, strength),)).image for i in range(count)]

    return make
