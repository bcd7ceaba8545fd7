"""Instance masks: who is in the picture, and where."""

import numpy as np
import pytest

from training.plates import ARCHETYPES, render, sample_plate

_INTRUDERS = ("text", "logo", "person", "hand", "creature")


@pytest.mark.parametrize("name", ARCHETYPES)
def test_every_ingredient_and_the_vessel_have_a_mask(name: str) -> None:
    for seed in (0, 1):
        plate = sample_plate(seed, archetype=name)
        done = render(plate, instances=True)
        ingredients = {one.name for one in done.instances if one.kind == "ingredient"}
        assert ingredients >= set(plate.ingredients)
        assert plate.vessel in {one.name for one in done.instances if one.kind == "vessel"}
        for one in done.instances:
            ys, xs = np.nonzero(one.mask)
            assert one.mask.shape == (128, 128) and one.mask.dtype == bool and len(ys)
            assert one.box == (
                xs.min() / 128, ys.min() / 128, (xs.max() + 1) / 128, (ys.max() + 1) / 128
            )  # fmt: skip


def test_masks_are_what_is_visible() -> None:
    done = render(sample_plate(4, archetype="pizza", ingredients=("ham", "olives")), instances=True)
    assert sum(one.mask.astype(int) for one in done.instances).max() == 1  # type: ignore[union-attr]
    food = np.logical_or.reduce([one.mask for one in done.instances if one.kind != "vessel"])
    assert (food & done.food_mask).sum() / (food | done.food_mask).sum() > 0.93
    assert sum(one.name == "ham" for one in done.instances) >= 4, "one instance a piece"


def test_instances_name_what_is_drawn_not_what_was_asked_for() -> None:
    plate = sample_plate(3, archetype="soup", ingredients=("tomato",), defects=(("wrong_ingredient", 0.5),))
    drawn = {one.name for one in render(plate, instances=True).instances if one.kind == "ingredient"}
    assert "tomato" not in drawn and drawn & set(ARCHETYPES["soup"].exclusive)


@pytest.mark.parametrize("strength", [0.1, 0.9])
@pytest.mark.parametrize("defect", _INTRUDERS)
def test_intruders_have_a_mask(defect: str, strength: float) -> None:
    clean = render(sample_plate(21), instances=True)
    done = render(sample_plate(21, defects=((defect, strength),)), instances=True)
    assert not any(one.kind == "intruder" for one in clean.instances)
    (intruder,) = (one for one in done.instances if one.kind == "intruder")
    assert intruder.name == defect and 0.003 < intruder.mask.mean() < 0.6
    changed = np.abs(done.image.astype(int) - clean.image).sum(2) > 15
    assert changed[intruder.mask].mean() > 0.6


@pytest.mark.parametrize("defects", [(), (("crop", 0.5),), (("collage", 0.3),), (("collage", 0.9),)])
def test_asking_for_instances_leaves_the_picture_alone(defects: tuple[tuple[str, float], ...]) -> None:
    plain = render(sample_plate(33, defects=defects))
    asked = render(sample_plate(33, defects=defects), instances=True)
    assert plain.instances == () and np.array_equal(plain.image, asked.image)
    seen = np.logical_or.reduce([one.mask for one in asked.instances])
    known = plain.food_mask | plain.vessel_mask
    assert (seen & known).sum() / (seen | known).sum() > 0.9
