"""A plate's description and how one is drawn at random."""

from dataclasses import dataclass

import numpy as np

from training.plates.vocabulary import (
    ARCHETYPES,
    BACKGROUNDS,
    CAMERAS,
    DEFECTS,
    LIGHTINGS,
    VESSELS,
    Archetype,
)

_COUNTS = {
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


def _pick_ingredients(rng: np.random.Generator, archetype: Archetype) -> tuple[str, ...]:
    n = int(rng.choice((1, 2, 3), p=(0.35, 0.4, 0.25)))
    base = [str(rng.choice(archetype.exclusive))] if archetype.exclusive else []
    free = [name for name in archetype.ingredients if name not in archetype.exclusive]
    rest = [free[i] for i in rng.permutation(len(free))[: max(0, n - len(base))]]
    return tuple(base + rest)


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
    """Draw a plate, deterministic in its arguments; what is given is kept, the rest suits the archetype.

    Raises ValueError for unknown words, 0 or more than 3 ingredients, or a defect strength outside 0..1.
    """
    rng = np.random.default_rng([seed, 11])
    name = str(rng.choice(list(ARCHETYPES)))
    kind = ARCHETYPES[_known(archetype or name, ARCHETYPES, "archetype")]
    drawn = _pick_ingredients(rng, kind)
    chosen = (
        drawn
        if ingredients is None
        else tuple(_known(i, kind.ingredients, "ingredient") for i in ingredients)
    )
    if not 1 <= len(chosen) <= 3:
        raise ValueError(f"a plate carries 1 to 3 ingredients, got {len(chosen)}")
    for defect, strength in defects:
        _known(defect, DEFECTS, "defect")
        if not 0 <= strength <= 1:
            raise ValueError(f"strength of defect {defect!r} is {strength}; use 0..1")
    low, high = _COUNTS.get(kind.name, (1, 1))
    picks = {
        "vessel": str(rng.choice(kind.vessels)),
        "background": str(rng.choice(BACKGROUNDS)),
        "camera": str(rng.choice(CAMERAS)),
        "lighting": str(rng.choice(LIGHTINGS)),
    }
    count = int(rng.integers(low, high + 1)) if kind.countable else None
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
