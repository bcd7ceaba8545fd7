"""Names find their dish, and hold back where they mean another one."""

import pytest

from plateful.prompts.vocabulary import (
    dishes,
    excluded_by_diet,
    find_dish,
    find_ingredients,
    implied_ingredients,
    is_shown,
    undeclared_allergens,
)
from training.plates import ARCHETYPES


def test_the_words_are_those_of_the_captions() -> None:
    ours = {d.key: (d.phrase, d.menu_names, d.ingredients, d.exclusive, d.vessels) for d in dishes().values()}
    theirs = {
        n: (a.phrase, a.menu_names, a.ingredients, a.exclusive, a.vessels) for n, a in ARCHETYPES.items()
    }
    assert ours == theirs
    assert all(d.article in (d.phrase, f"a {d.phrase}") for d in dishes().values())


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("margherita pizza", "pizza"),
        ("beef noodle soup", "noodle_soup"),
        ("chicken rice bowl", "rice_bowl"),
        ("egg fried rice", "fried_rice"),
        ("chicken burger with fries", "burger"),
        ("ham and cheese sandwich", "sandwich"),
        ("three tacos", "tacos"),
        ("cheesecakes", "cake"),
        ("tea with cake", "tea"),
        ("sirloin steak", "steak"),
        ("pulled pork burger", "burger"),
        ("iced peach tea", "cold_drink"),
    ],
)
def test_dishes(name: str, key: str) -> None:
    match = find_dish(name)
    assert match is not None
    assert match.dish.key == key


@pytest.mark.parametrize(
    "name",
    [
        "curry puff with potato",
        "fish and chips",
        "iced latte",
        "tomato egg clear soup",
        "kunafa",
        "",
        "coffee cake",
        "coffee beans",
        "pizza dough base",
        "chicken pot pie",
        "carrot cake radish cake",
        "ice cream sandwich",
        "tea egg",
        "chicken tortilla soup",
    ],
)
def test_names_that_are_no_known_dish(name: str) -> None:
    assert find_dish(name) is None


def test_ingredients() -> None:
    assert find_ingredients("2 cherry tomatoes, smoked salmon and scallions") == [
        "tomato",
        "salmon",
        "spring onion",
    ]
    assert find_ingredients("cream sauce with sweetcorn") == ["cream sauce", "corn"]
    assert find_ingredients("") == []
    assert is_shown("chicken breast")
    assert not is_shown("chicken stock")
    assert not is_shown("chilli oil")
    assert implied_ingredients("pizza margherita", "margherita pizza") == ["tomato", "mozzarella", "basil"]
    assert implied_ingredients("plain rice", "rice") == []


@pytest.mark.parametrize("claim", ["vegetarian", "Vegetarisch", "素食", "نباتي"])
def test_vegetarian(claim: str) -> None:
    barred = excluded_by_diet([claim])
    assert {"beef", "salmon"} <= set(barred)
    assert "egg" not in barred


def test_vegan_and_other_claims() -> None:
    assert {"beef", "egg", "cheese"} <= set(excluded_by_diet(["vegan"]))
    assert excluded_by_diet(["halal", "spicy"]) == []


def test_allergens() -> None:
    assert undeclared_allergens([]) == {}
    assert "milk" not in undeclared_allergens(["Milch", "Nüsse"])
    assert "nuts" not in undeclared_allergens(["Milch", "Nüsse"])
    assert undeclared_allergens(["milk"])["crustaceans"] == ["prawn"]
