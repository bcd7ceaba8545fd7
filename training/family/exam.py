"""The exam: renders of combinations that training never drew, graded by the examiner."""

import itertools
from dataclasses import dataclass

import numpy as np

from training.family.examiner import Marks
from training.family.figures import Figure, auc, mean, resampled, share
from training.family.measures import Family, render
from training.family.session import Session
from training.plates import ARCHETYPES, Plate, held_out, sample_plate, scene_caption
from training.plates import render as draw_plate


@dataclass(frozen=True)
class Answers:
    """Plates asked for, the pictures that came (N, px, px, 3) uint8, and what a reader saw in them."""

    plates: list[Plate]
    images: np.ndarray
    marks: Marks

    @property
    def right(self) -> np.ndarray:
        """Whether each picture shows the archetype asked for, bool (N,)."""
        return np.array([m == p.archetype for m, p in zip(self.marks.archetypes, self.plates, strict=True)])


def questions(first_seed: int, count: int) -> list[Plate]:
    """Plates of held-out combinations, archetypes in turn; deterministic."""
    seeds, kinds = itertools.count(first_seed), itertools.cycle(ARCHETYPES)
    found = []
    for kind in itertools.islice(kinds, count):
        plates = (sample_plate(seed, archetype=kind) for seed in seeds)
        found.append(next(plate for plate in plates if held_out(plate)))
    return found


def drawn(session: Session, plates: list[Plate]) -> np.ndarray:
    """The questions answered by the plates' renderer itself: (N, px, px, 3) uint8."""
    return np.stack([draw_plate(plate, session.recipe.picture_px).image for plate in plates])


def answer(session: Session, family: Family, plates: list[Plate], *, preview: bool) -> np.ndarray:
    """The questions answered by the family, one seed each: (N, px, px, 3) uint8."""
    return render(family, session.recipe, [scene_caption(plate) for plate in plates], preview=preview)


def grades(answers: Answers, prefix: str = "") -> dict[str, Figure]:
    """Archetype and background recognised, and ingredients told apart."""
    if len(answers.plates) != len(answers.images):
        raise ValueError(f"{len(answers.images)} pictures for {len(answers.plates)} questions")
    grounds = [m == p.background for m, p in zip(answers.marks.backgrounds, answers.plates, strict=True)]
    return {
        f"{prefix}archetype_accuracy": share(answers.right),
        f"{prefix}background_accuracy": share(np.array(grounds)),
        f"{prefix}ingredient_auc": resampled(
            lambda picked: ingredient_auc(answers, picked), len(answers.plates)
        ),
    }


def gap(answers: Answers, other: Answers) -> Figure:
    """How much more often `answers` shows the dish than `other` does, paired by question."""
    return mean(answers.right.astype(float) - other.right)


def ingredient_auc(answers: Answers, picked: np.ndarray) -> float:
    """Mentioned against not mentioned among dishes that could carry it, over ingredients by their pairs.

    A garnish is mentioned too; what a dish carries unasked is asked of no plate of that dish.
    """
    total = weight = 0.0
    for place, word in enumerate(answers.marks.words):
        able = [i for i in picked if _may_lack(answers.plates[i], word)]
        truth = np.array([word in _mentioned(answers.plates[i]) for i in able], bool)
        pairs = float(truth.sum() * (~truth).sum())
        if pairs:
            total += pairs * auc(answers.marks.ingredients[able, place], truth)
            weight += pairs
    return total / weight if weight else float("nan")


def _may_lack(plate: Plate, word: str) -> bool:
    kind = ARCHETYPES[plate.archetype]
    return word in kind.ingredients and word not in kind.implicit


def _mentioned(plate: Plate) -> set[str | None]:
    return {*plate.ingredients, plate.garnish}
