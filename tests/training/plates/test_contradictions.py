"""Contradictions: the caption promises, the picture breaks it, by a known amount."""

from dataclasses import replace

import numpy as np
import pytest

from training.plates import ARCHETYPES, HELD_OUT, captions, render, sample_plate
from training.plates.contradictions import shown
from training.plates.plate import Plate

_COUNTABLE = [name for name, kind in ARCHETYPES.items() if kind.countable]


def _drawn(plate: Plate, defect: str, strength: float) -> Plate:
    return shown(replace(plate, defects=((defect, strength),)), np.random.default_rng(plate.seed))


@pytest.mark.parametrize(("strength", "missing"), [(0.2, 1), (0.49, 1), (0.5, 2), (1.0, 2)])
def test_missing_ingredients_are_the_last_ones(strength: float, missing: int) -> None:
    plate = sample_plate(3, archetype="pizza", ingredients=("olives", "basil", "ham"))
    assert _drawn(plate, "missing_ingredient", strength).ingredients == plate.ingredients[:-missing]


@pytest.mark.parametrize("archetype", [*ARCHETYPES, *HELD_OUT])
def test_a_missing_ingredient_leaves_the_picture_and_stays_in_the_caption(archetype: str) -> None:
    plate = sample_plate(8, archetype=archetype, defects=(("missing_ingredient", 0.3),))
    assert len(plate.ingredients) >= 2
    gone = plate.ingredients[-1]
    names = {one.name for one in render(plate, instances=True).instances}
    assert gone not in names
    assert gone in captions(plate)[-1]


def test_one_ingredient_cannot_go_missing() -> None:
    with pytest.raises(ValueError, match="nothing can be left out of ham"):
        sample_plate(1, archetype="pizza", ingredients=("ham",), defects=(("missing_ingredient", 0.5),))


def test_what_comes_unasked_cannot_go_missing() -> None:
    with pytest.raises(ValueError, match="nothing can be left out of lettuce, beef"):
        sample_plate(
            1, archetype="burger", ingredients=("lettuce", "beef"), defects=(("missing_ingredient", 0.5),)
        )


@pytest.mark.parametrize("archetype", _COUNTABLE)
def test_wrong_counts_are_off_by_their_strength(archetype: str) -> None:
    for seed in range(12):
        plate = sample_plate(seed, archetype=archetype)
        assert plate.count is not None
        for strength, off in ((0.2, 1), (0.9, 2)):
            flawed = replace(plate, defects=(("wrong_count", strength),))
            count = _drawn(plate, "wrong_count", strength).count
            assert count is not None and count >= 1 and abs(count - plate.count) == off
            assert captions(flawed) == captions(plate)
            assert not np.array_equal(render(flawed, 64).image, render(plate, 64).image)


def test_what_is_not_countable_refuses_a_wrong_count() -> None:
    with pytest.raises(ValueError, match="'soup' is not"):
        sample_plate(1, archetype="soup", defects=(("wrong_count", 0.5),))
    drawn = {sample_plate(seed, defects=(("wrong_count", 0.5),)).archetype for seed in range(80)}
    assert drawn == set(_COUNTABLE)


@pytest.mark.parametrize("archetype", HELD_OUT)
def test_held_out_dishes_can_show_a_wrong_ingredient(archetype: str) -> None:
    for seed in range(4):
        plate = sample_plate(seed, archetype=archetype, defects=(("wrong_ingredient", 0.5),))
        names = {i.name for i in render(plate, 64, instances=True).instances if i.kind == "ingredient"}
        assert names - {*plate.ingredients, plate.garnish}
