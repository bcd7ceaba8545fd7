"""A plate's description, how one is drawn at random, and which combinations are kept for evaluation."""

import hashlib
from dataclasses import dataclass

import numpy as np

from training.plates.vocabulary import (
    ARCHETYPES,
    BACKGROUNDS,
    CAMERAS,
    DEFECTS,
    EVERY_ARCHETYPE,
    LIGHTINGS,
    VESSELS,
    Archetype,
)

COUNTS = {
    "dumplings": (4, 8),
    "sushi": (4, 8),
    "tacos": (2, 3),
    "skewers": (2, 4),
    "fried_eggs": (1, 3),
    "ice_cream": (1, 3),
    "donut": (1, 3),
    "pancakes": (3, 5),
}


@dataclass(frozen=True)
class Plate:
    """Everything that determines one picture; two equal plates render to the same pixels."""

    archetype: str
    ingredients: tuple[str, ...]
    count: int | None
    vessel: str
    background: str
    camera: str
    lighting: str
    garnish: str | None
    steam: bool
    defects: tuple[tuple[str, float], ...]
    seed: int


def _known(word: str, words: tuple[str, ...] | dict[str, Archetype], what: str) -> str:
    if word not in words:
        raise ValueError(f"unknown {what} {word!r}; choose one of: {', '.join(words)}")
    return word


def _pick_ingredients(rng: np.random.Generator, archetype: Archetype, one_will_miss: bool) -> tuple[str, ...]:
    n = max(2 if one_will_miss else 1, int(rng.choice((1, 2, 3), p=(0.35, 0.4, 0.25))))
    base = [str(rng.choice(archetype.exclusive))] if archetype.exclusive else []
    barred = {*archetype.exclusive, *(archetype.implicit if one_will_miss else ())}
    free = [name for name in archetype.ingredients if name not in barred]
    rest = [free[i] for i in rng.permutation(len(free))[: max(0, n - len(base))]]
    return tuple(base + rest)


def _checked(defects: tuple[tuple[str, float], ...]) -> frozenset[str]:
    for defect, strength in defects:
        _known(defect, DEFECTS, "defect")
        if not 0 <= strength <= 1:
            raise ValueError(f"strength of defect {defect!r} is {strength}; use 0..1")
    return frozenset(defect for defect, _ in defects)


def removable(kind: Archetype, ingredients: tuple[str, ...]) -> tuple[str, ...]:
    """The ingredients whose absence shows: not the first, which makes the dish, nor what comes unasked."""
    return tuple(i for i in ingredients[1:] if i not in kind.implicit)


def held_out(plate: Plate) -> bool:
    """Whether pretraining must skip this plate, so that evaluation can ask for combinations never drawn.

    True where any ingredient makes a held-out combination (archetype, ingredient, vessel, background). One
    combination in 17 is held out, by its words, which is a tenth of the plates.
    """
    return any(
        _draws_lot("|".join((plate.archetype, ingredient, plate.vessel, plate.background)))
        for ingredient in plate.ingredients
    )


def _draws_lot(words: str) -> bool:
    # Of the 54 lots with a modulus of 17 to 19 this one is fairest: 5 to 16 % of every archetype's plates.
    return int.from_bytes(hashlib.sha256(words.encode()).digest()[:8], "big") % 17 == 13


def sample_plate(
    seed: int,
    *,
    archetype: str | None = None,
    ingredients: tuple[str, ...] | None = None,
    vessel: str | None = None,
    background: str | None = None,
    camera: str | None = None,
    lighting: str | None = None,
    defects: tuple[tuple[str, float], ...] = (),
) -> Plate:
    """Draw a plate, deterministic in its arguments; what is given is kept, the rest suits it.

    Held-out archetypes are drawn by name only. Raises ValueError for unknown words, 0 or more than 3
    ingredients, a defect strength outside 0..1, and a contradiction that this plate cannot show.
    """
    planted = _checked(defects)
    rng = np.random.default_rng([seed, 11])
    names = [n for n, kind in ARCHETYPES.items() if kind.countable or "wrong_count" not in planted]
    name = str(rng.choice(names))
    kind = EVERY_ARCHETYPE[_known(archetype or name, EVERY_ARCHETYPE, "archetype")]
    if "wrong_count" in planted and not kind.countable:
        raise ValueError(f"defect 'wrong_count' needs a countable archetype; {kind.name!r} is not")
    drawn = _pick_ingredients(rng, kind, "missing_ingredient" in planted)
    chosen = (
        drawn
        if ingredients is None
        else tuple(_known(i, kind.ingredients, "ingredient") for i in ingredients)
    )
    if not 1 <= len(chosen) <= 3:
        raise ValueError(f"a plate carries 1 to 3 ingredients, got {len(chosen)}")
    if "missing_ingredient" in planted and not removable(kind, chosen):
        raise ValueError(f"defect 'missing_ingredient': nothing can be left out of {', '.join(chosen)}")
    low, high = COUNTS.get(kind.name, (1, 1))
    picks = {
        "vessel": str(rng.choice(kind.vessels)),
        "background": str(rng.choice(BACKGROUNDS)),
        "camera": str(rng.choice(CAMERAS)),
        "lighting": str(rng.choice(LIGHTINGS)),
    }
    count = int(rng.integers(low, high + 1)) if kind.countable else None
    if count is not None:
        count = max(count, sum(i in kind.portions for i in chosen))
    free = [g for g in kind.garnishes if g not in chosen]
    garnish = str(rng.choice(free)) if free and rng.random() < 0.35 else None
    steam = bool(rng.random() < kind.steam)
    return Plate(
        kind.name,
        chosen,
        count,
        _known(vessel or picks["vessel"], VESSELS, "vessel"),
        _known(background or picks["background"], BACKGROUNDS, "background"),
        _known(camera or picks["camera"], CAMERAS, "camera"),
        _known(lighting or picks["lighting"], LIGHTINGS, "lighting"),
        garnish,
        steam,
        tuple(defects),
        seed,
    )
