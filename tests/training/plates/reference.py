"""Plates that every machine must draw alike: `python -m tests.training.plates.reference` draws them anew."""

from pathlib import Path

import numpy as np
from PIL import Image

from training.plates import ARCHETYPES, DEFECT_WORDS, render, sample_plate

REFERENCE = Path(__file__).with_name("reference.png")
PX, COLUMNS = 48, 17


def draw_reference() -> np.ndarray:
    """A picture (rows * PX, COLUMNS * PX, 3) uint8 of all archetypes, every second one with a defect."""
    flaws = list(DEFECT_WORDS)
    tiles = [
        render(sample_plate(seed, archetype=name, defects=((flaws[seed % 15], 0.7),) if seed % 2 else ()), PX)
        for seed, name in enumerate(ARCHETYPES)
    ]
    rows = [tiles[i : i + COLUMNS] for i in range(0, len(tiles), COLUMNS)]
    return np.concatenate([np.concatenate([tile.image for tile in row], 1) for row in rows])


if __name__ == "__main__":
    Image.fromarray(draw_reference()).save(REFERENCE, optimize=True)
