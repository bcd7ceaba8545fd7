"""What pretraining never sees: combinations by hash, local dishes and a product category by name."""

from dataclasses import replace

import numpy as np
import pytest

from training.plates import ARCHETYPES, CAMERAS, HELD_OUT, captions, held_out, render, sample_plate


def test_a_tenth_of_the_combinations_is_held_out() -> None:
    plates = [sample_plate(seed) for seed in range(4000)]
    assert 0.08 < np.mean([held_out(plate) for plate in plates]) < 0.12
    assert {p.archetype for p in plates if held_out(p)} == set(ARCHETYPES)


def test_holding_out_depends_on_each_combination_and_on_no_order() -> None:
    for seed in range(200):
        plate = sample_plate(seed)
        other = replace(
            plate,
            seed=seed + 1,
            camera="top",
            lighting="soft",
            ingredients=plate.ingredients[::-1],
            steam=True,
        )
        alone = [replace(plate, ingredients=(one,)) for one in plate.ingredients]
        assert held_out(plate) == held_out(other) == any(map(held_out, alone))


def test_the_same_combinations_stay_held_out() -> None:
    pizza = sample_plate(
        3, archetype="pizza", ingredients=("onion", "ham"), vessel="dark plate", background="linen"
    )
    assert held_out(pizza)
    assert not held_out(replace(pizza, background="wood"))


def test_held_out_dishes_are_drawn_by_name_only() -> None:
    assert not set(HELD_OUT) & set(ARCHETYPES)
    assert {sample_plate(seed).archetype for seed in range(600)} <= set(ARCHETYPES)
    assert sample_plate(1, archetype="baklava").archetype == "baklava"


def test_cuisines_and_category() -> None:
    cuisines = [kind.cuisine for kind in HELD_OUT.values() if kind.cuisine]
    assert sorted(cuisines) == sorted(["malaysian", "ethiopian", "turkish"] * 2)
    assert {kind.category for kind in HELD_OUT.values()} == {None, "fishmonger"}
    assert all((kind.cuisine is None) != (kind.category is None) for kind in HELD_OUT.values())


@pytest.mark.parametrize("name", HELD_OUT)
def test_held_out_dishes_render_with_captions(name: str) -> None:
    kind = HELD_OUT[name]
    for i, ingredient in enumerate(kind.ingredients):
        base = () if ingredient in kind.exclusive else kind.exclusive[:1]
        plate = sample_plate(
            70 + i,
            archetype=name,
            ingredients=(*base, ingredient),
            vessel=kind.vessels[i % len(kind.vessels)],
            camera=CAMERAS[i % 2],
        )
        done = render(plate, instances=True)
        assert done.food_mask.mean() > 0.04 and done.vessel_mask.any()
        assert min(done.box[0], done.box[1], 1 - done.box[2], 1 - done.box[3]) >= 0.02
        assert {i.name for i in done.instances if i.kind == "ingredient"} >= set(plate.ingredients)
        made = captions(plate)
        assert any(kind.phrase in text and ingredient in text for text in made)
        assert all(text.isascii() and text == text.lower() for text in made)
