"""Contradictions: what is drawn instead of what the caption promises, by strength (0..1).

The caption stays what was asked for, so each one is a planted error of known kind and size.
"""

from dataclasses import replace

import numpy as np

from training.plates.plate import COUNTS, Plate, removable
from training.plates.vocabulary import EVERY_ARCHETYPE


def shown(plate: Plate, rng: np.random.Generator) -> Plate:
    """The plate as it is drawn; the plate itself without contradictions."""
    strengths = dict(plate.defects)
    if "wrong_ingredient" in strengths:
        plate = _swapped(plate, rng)
    if "missing_ingredient" in strengths:
        plate = _without(plate, strengths["missing_ingredient"])
    if "wrong_count" in strengths:
        plate = _miscounted(plate, strengths["wrong_count"], rng)
    return plate


def _swapped(plate: Plate, rng: np.random.Generator) -> Plate:
    """The last ingredient exchanged for another that the archetype knows."""
    kind = EVERY_ARCHETYPE[plate.archetype]
    last = plate.ingredients[-1]
    pool = (
        kind.exclusive
        if last in kind.exclusive and len(kind.exclusive) > 1
        else [i for i in kind.ingredients if i not in kind.exclusive]
    )
    others = [i for i in pool if i not in plate.ingredients]
    return replace(plate, ingredients=(*plate.ingredients[:-1], str(rng.choice(others))))


def _without(plate: Plate, strength: float) -> Plate:
    """The last ingredient left out, from 0.5 on the last two; the first, which makes the dish, stays."""
    gone = removable(EVERY_ARCHETYPE[plate.archetype], plate.ingredients)[-2 if strength >= 0.5 else -1 :]
    return replace(plate, ingredients=tuple(i for i in plate.ingredients if i not in gone))


def _miscounted(plate: Plate, strength: float, rng: np.random.Generator) -> Plate:
    """One piece too many or too few, from 0.5 on two; at least 1, at most one more than is ever ordered."""
    if plate.count is None:
        raise ValueError(f"defect 'wrong_count' needs a countable archetype; {plate.archetype!r} is not")
    off = 2 if strength >= 0.5 else 1
    most = COUNTS[plate.archetype][1] + 1
    return replace(
        plate, count=int(rng.choice([n for n in (plate.count - off, plate.count + off) if 1 <= n <= most]))
    )
