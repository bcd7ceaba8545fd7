"""A labelled grid of synthetic plates: every archetype on every background, then the defects.

python -m training.plates.gallery OUT.png
"""

import sys
from pathlib import Path

import cv2
import numpy as np

from training.plates.plate import sample_plate
from training.plates.render import render
from training.plates.vocabulary import ARCHETYPES, BACKGROUNDS, CAMERAS, DEFECTS

_LABEL, _GAP = 16, 4


def _cell(image: np.ndarray, label: str) -> np.ndarray:
    size = image.shape[0]
    cell = np.full((size + _LABEL + _GAP, size + _GAP, 3), 250, np.uint8)
    cell[:size, :size] = image
    cv2.putText(cell, label, (2, size + 12), cv2.FONT_HERSHEY_SIMPLEX, 0.36, (40, 40, 40), 1, cv2.LINE_AA)
    return cell


def gallery(size: int = 128, seed: int = 5, columns: int = 10) -> np.ndarray:
    """uint8 RGB grid: archetypes x backgrounds with both cameras, last the defects at 0.4 and 0.9."""
    cells = []
    for i, name in enumerate(ARCHETYPES):
        for j, background in enumerate(BACKGROUNDS):
            plate = sample_plate(
                seed + 97 * i + j, archetype=name, background=background, camera=CAMERAS[j % 2]
            )
            cells.append(_cell(render(plate, size).image, f"{name}: {plate.ingredients[0]}"[:22]))
    for i, defect in enumerate(DEFECTS):
        for strength in (0.4, 0.9):
            plate = sample_plate(seed + 31 * i, defects=((defect, strength),))
            cells.append(_cell(render(plate, size).image, f"{defect} {strength}"))
    cells += [np.full_like(cells[0], 250)] * (-len(cells) % columns)
    return np.concatenate([np.concatenate(cells[k : k + columns], 1) for k in range(0, len(cells), columns)])


def main() -> None:
    """Write the gallery to the path given on the command line."""
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m training.plates.gallery OUT.png")
    cv2.imwrite(str(Path(sys.argv[1])), cv2.cvtColor(gallery(), cv2.COLOR_RGB2BGR))


if __name__ == "__main__":
    main()
