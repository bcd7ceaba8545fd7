"""Pictures for report tests: a store in memory, drawn plates, and flat stand-ins where only words matter."""

import numpy as np

from plateful.errors import StoreError
from plateful.vision.image_io import encode_png


class Pictures:
    """An image store in memory, filled while the tables are made."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}

    def put(self, key: str, array: np.ndarray) -> str:
        self.content[key] = encode_png(array)
        return key

    def get(self, key: str) -> bytes:
        if key not in self.content:
            raise StoreError(f"image {key} is missing", fix="render it again")
        return self.content[key]


def drawing(archetype: str, seed: int, size: int = 128) -> np.ndarray:
    """A plate drawn by training.plates."""
    from training.plates import render, sample_plate

    return render(sample_plate(seed, archetype=archetype), size).image


def blank(archetype: str, seed: int, size: int = 128) -> np.ndarray:
    """A cheap picture for tests that look at words."""
    hue = np.random.default_rng([seed, len(archetype)]).integers(60, 220, 3)
    return np.full((size, size, 3), hue, np.uint8)
