"""Counts and forms: plain statements of a record, in many languages, and silence where it is unclear."""

from typing import Any

import pytest

from plateful.prompts.details import Count, count_of, forms_of
from plateful.prompts.vocabulary import dishes
from tests.plateful.prompts.menu import line, product, translated, written
from training.plates import ARCHETYPES
from training.plates.captions import _NUMBERS, _PLURALS, captions
from training.plates.plate import COUNTS, sample_plate


def record(**change: Any) -> dict[str, Any]:
    return translated(product(**change)).row(0, named=True)


def test_pieces_are_those_of_the_captions() -> None:
    ours = {d.key: (d.pieces.least, d.pieces.most, d.pieces.many) for d in dishes().values() if d.pieces}
    assert ours == {name: (*COUNTS[name], _PLURALS[name]) for name, a in ARCHETYPES.items() if a.countable}
    for name in ours:
        for seed in range(8):
            plate = sample_plate(seed, archetype=name)
            said = dishes()[name].counted(plate.count or 0)
            assert said is not None
            assert any(caption.startswith(f"{said} with") for caption in captions(plate))
    assert _NUMBERS[6] == "six"


@pytest.mark.parametrize(
    ("change", "number", "field"),
    [
        ({"name": "Gyoza (6 pcs)"}, 6, "name"),
        ({"name": "Gyoza 6pcs"}, 6, "name"),
        ({"name": "Gyoza x4"}, 4, "name"),
        ({"name": "Gyoza × 8"}, 8, "name"),
        ({"name": "Gyoza", "description": "Four pieces, steamed"}, 4, "description"),
        ({"name": "Gyoza", "description": "3 Stück"}, 3, "description"),
        ({"name": "Gyoza", "description": "4 pezzi"}, 4, "description"),
        ({"name": "Gyoza", "description": "6 adet"}, 6, "description"),
        ({"name": "Gyoza", "description": "每份6个"}, 6, "description"),
        ({"name": "Gyoza", "description": "六只装"}, 6, "description"),
        ({"name": "Gyoza", "description": "5 ชิ้น"}, 5, "description"),
        ({"name": "Gyoza", "description": "6 قطع"}, 6, "description"),
        ({"name": "Gyoza (6 pcs)", "description": "six pieces"}, 6, "name"),
        ({"name": "Six gyoza"}, 6, "name"),
        ({"name": "12 gyoza"}, 12, "name"),
    ],
)
def test_counts(change: dict[str, str], number: int, field: str) -> None:
    assert count_of(record(**change), dishes()["dumplings"], "gyoza") == Count(number, field)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Gyoza"},
        {"name": "Gyoza 6 pcs", "description": "8 pieces"},
        {"name": "Gyoza 250 g"},
        {"name": "Gyoza", "description": "for 4 persons"},
        {"name": "Gyoza", "description": "两个人"},
        {"name": "Gyoza", "description": "1/2 piece"},
        {"name": "Gyoza", "description": "4-6 pieces"},
        {"name": "Gyoza", "description": "since 1996, table 12"},
        {"name": "Gyoza", "description": "0 pieces"},
        {"name": "Gyoza", "description": "99 pcs"},
        {"name": "2x cheese gyoza"},
        {"name": "Gyoza", "description": "¥4.50 piece"},
    ],
)
def test_no_count_where_it_is_not_plain(change: dict[str, str]) -> None:
    assert count_of(record(**change), dishes()["dumplings"], "gyoza") is None


def test_a_dish_that_is_not_counted_has_no_count() -> None:
    assert count_of(record(name="Pizza 6 pcs"), dishes()["pizza"], "pizza") is None
    assert count_of(record(name="Kunafa 6 pcs"), None) is None


def test_a_count_that_captions_know_is_in_the_prompt_and_decides_for_a_person() -> None:
    row = written(name="Gyoza (6 pcs)", ingredients=["pork"])
    assert row["prompt"].startswith("six dumplings with pork in a bamboo steamer") or row[
        "prompt"
    ].startswith("six dumplings with pork on a white plate")
    count = line(row, "shows_count")
    assert count["positive"] == "a photo of six dumplings"
    assert count["negatives"] == ["a photo of four dumplings", "a photo of eight dumplings"]
    assert (count["field"], count["required"], count["provable"]) == ("name", True, False)


def test_a_count_beyond_the_captions_is_promised_and_not_asked_for() -> None:
    row = written(name="Gyoza (12 pcs)", ingredients=["pork"])
    assert row["prompt"].startswith("dumplings with pork")
    assert line(row, "shows_count")["subject"] == "12 dumplings"


@pytest.mark.parametrize(
    ("change", "forms"),
    [
        ({"name": "Boneless chicken thigh"}, [("boneless", "name")]),
        ({"name": "去骨鸡腿"}, [("boneless", "name")]),
        ({"name": "Rindergulasch roh"}, [("raw", "name")]),
        ({"name": "Lachs geräuchert"}, [("smoked", "name")]),
        ({"name": "Frango inteiro"}, [("whole", "name")]),
        ({"name": "Beef", "category": "Sliced meats"}, [("sliced", "category")]),
        ({"name": "Raw boneless lamb"}, [("raw", "name"), ("boneless", "name")]),
        ({"name": "Chicken whole or sliced"}, []),
        ({"name": "Wholemeal bread"}, []),
        ({"name": "Carne"}, []),
    ],
)
def test_forms(change: dict[str, str], forms: list[tuple[str, str]]) -> None:
    found = forms_of(record(**{"language": "", "country": "DE", **change}))
    assert [(form.form, form.field) for form in found] == forms


def test_a_form_decides_where_it_is_what_is_bought() -> None:
    cut = line(written(name="Boneless lamb shoulder", application="butcher-cuts"), "shows_form")
    assert (cut["required"], cut["provable"], cut["field"]) == (True, False, "name")
    raw = line(written(name="Raw lamb", application="butcher-cuts"), "shows_form")
    assert (raw["required"], raw["provable"]) == (True, True)
    assert (raw["positive"], raw["negatives"]) == ("a photo of raw meat", ["a photo of grilled steak"])
    dish = line(written(name="Sliced beef noodle soup"), "shows_form")
    assert (dish["subject"], dish["required"], dish["provable"]) == ("sliced", False, False)
