"""What training may see and what the exam asks never meet."""

import numpy as np

from training.family.drawing import plan, seen_plate
from training.family.exam import questions
from training.family.examiner import altered
from training.family.recipe import load_recipe
from training.plates import ARCHETYPES, held_out

SETTINGS = load_recipe().parts.data


def test_training_draws_no_held_out_combination() -> None:
    orders = [plan(SETTINGS, index) for index in range(400)]
    plates = [seen_plate(order) for order in orders]
    assert not any(held_out(plate) for plate in plates)
    # Redrawing keeps what was ordered.
    for order, plate in zip(orders, plates, strict=True):
        assert (plate.archetype, plate.background) == (order["archetype"], order["background"])


def test_the_exam_asks_for_held_out_combinations_of_every_archetype() -> None:
    asked = questions(90_000_000, 68)
    assert all(held_out(plate) for plate in asked)
    assert {plate.archetype for plate in asked} == set(ARCHETYPES)
    assert asked == questions(90_000_000, 68)
    assert len({(p.archetype, p.ingredients, p.vessel, p.background) for p in asked}) > 60


def test_altered_plates_stay_pictures() -> None:
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    made = altered(image, np.random.default_rng(1))
    assert (made.shape, made.dtype) == (image.shape, np.uint8)
    assert np.array_equal(made, altered(image, np.random.default_rng(1)))
