"""What training may see and what the exam asks never meet."""

import numpy as np
import pytest

from training.family.drawing import plan, seen_plate
from training.family.exam import Answers, gap, grades, questions
from training.family.examiner import Marks, altered
from training.family.recipe import load_recipe
from training.plates import ARCHETYPES, Plate, held_out, sample_plate

SETTINGS = load_recipe().parts.data


def combinations(plate: Plate) -> set[tuple[str, ...]]:
    return {(plate.archetype, one, plate.vessel, plate.background) for one in plate.ingredients}


def test_every_question_has_a_combination_that_training_never_draws() -> None:
    orders = [plan(SETTINGS, index) for index in range(12_000)]
    plates = [seen_plate(order) for order in orders]
    drawn = set().union(*map(combinations, plates))
    dishes = {(p.archetype, frozenset(p.ingredients), p.vessel, p.background) for p in plates}
    for asked in questions(90_000_000, 136):
        assert combinations(asked) - drawn
        assert (asked.archetype, frozenset(asked.ingredients), asked.vessel, asked.background) not in dishes
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


WORDS = sorted({word for kind in ARCHETYPES.values() for word in kind.ingredients})


def answers(plates: list[Plate], seen: list[Plate], sign: float = 1.0) -> Answers:
    """What an examiner would note that reads `seen` in the pictures of `plates`."""
    shown = [{*p.ingredients, p.garnish, *ARCHETYPES[p.archetype].implicit} for p in seen]
    logits = sign * np.array([[float(word in words) for word in WORDS] for words in shown])
    marks = Marks([p.archetype for p in seen], [p.background for p in seen], logits, WORDS)
    return Answers(plates, np.zeros((len(plates), 8, 8, 3), np.uint8), marks)


def test_grades_are_full_for_what_was_asked_and_chance_for_anything_else() -> None:
    asked = questions(90_000_000, 204)
    full = grades(answers(asked, asked))
    assert {figure.value for figure in full.values()} == {1.0}
    upside_down = grades(answers(asked, asked, sign=-1.0))
    assert upside_down["ingredient_auc"].value == 0.0
    strangers = [sample_plate(seed) for seed in range(204)]
    other = grades(answers(asked, strangers), "preview_")
    assert other["preview_archetype_accuracy"].high < 0.15
    assert other["preview_background_accuracy"].high < 0.4
    same_dish = [sample_plate(seed, archetype=p.archetype) for seed, p in enumerate(asked)]
    assert 0.4 < grades(answers(asked, same_dish))["ingredient_auc"].value < 0.6


def test_the_gap_is_paired_by_question() -> None:
    asked = questions(90_000_000, 68)
    wrong = [sample_plate(seed, archetype="pizza") for seed in range(34)]
    half = answers(asked, [*asked[:34], *wrong])
    assert gap(half, answers(asked, asked)).value == pytest.approx(half.right.mean() - 1)
    assert gap(half, half).value == 0.0


def test_what_a_dish_carries_unasked_is_no_question() -> None:
    burgers = [sample_plate(seed, archetype="burger", ingredients=("lettuce",)) for seed in range(8)]
    plain = [sample_plate(seed, archetype="burger", ingredients=("beef", "lettuce")) for seed in range(8)]
    found = answers([*burgers, *plain], [*burgers, *plain])
    assert np.isnan(grades(found)["ingredient_auc"].value)
