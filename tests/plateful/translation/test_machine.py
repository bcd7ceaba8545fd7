"""Products through a translator: glossary first, nothing sent twice, failures named, kills survived."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from plateful.errors import TranslationError
from plateful.stores import Lake
from plateful.tables import PRODUCTS_WITHOUT_IMAGES
from plateful.translation import Machine, translate
from plateful.translation.machine import batches
from plateful.translation.memory import TranslationMemory
from plateful.translation.translator import Answer, BatchLimits
from tests.plateful.translation.test_translated_products import product

NOW = datetime(2026, 11, 21, tzinfo=UTC)


class House:
    """A translator of this house: says which language a text was in; breaks where told to."""

    method = "house"

    def __init__(self, version: str = "house:1", texts: int = 2) -> None:
        self.name, self.limits = version, BatchLimits(texts, 1000)
        self.calls: list[tuple[str | None, list[str]]] = []
        self.answers: dict[str, Answer] = {}
        self.down_after = 99

    def version(self, language: str | None) -> str:
        return f"{self.name}:{language}"

    def translate(self, texts: Sequence[str], language: str | None) -> list[Answer]:
        if len(self.calls) >= self.down_after:
            raise TranslationError("the house is closed", fix="come back")
        self.calls.append((language, list(texts)))
        return [self.answers.get(text, Answer(f"Dish {text.encode().hex()} ({language})")) for text in texts]

    @property
    def sent(self) -> list[str]:
        return [text for _, batch in self.calls for text in batch]


def machine(lake: Lake, house: House) -> Machine:
    return Machine(house, TranslationMemory(lake, "CN", lambda: NOW))


def frame(*names: str, **change: object) -> pl.DataFrame:
    rows = [product(product_id=str(number), name=name, **change) for number, name in enumerate(names)]
    return PRODUCTS_WITHOUT_IMAGES.frame(rows)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def test_known_dishes_cost_nothing(lake: Lake) -> None:
    house = House()
    found = translate(frame("牛肉面", "麻婆豆腐", "淄博烧烤"), machine(lake, house))
    assert house.sent == ["淄博烧烤"]
    assert found["translation"].to_list() == ["glossary", "glossary", "house"]
    assert found["name"].to_list() == ["牛肉面", "麻婆豆腐", "淄博烧烤"]
    assert found["name_en"].to_list()[:2] == ["beef noodle soup", "mapo tofu"]
    assert found["name_en"][2] == f"dish {'淄博烧烤'.encode().hex()} (zh)"
    assert found["coverage"].to_list() == [1.0, 1.0, 1.0]


def test_nothing_is_sent_twice(lake: Lake) -> None:
    names = ("淄博烧烤", "桂林十八酿", "淄博烧烤")
    first, second, third = House(), House(), House()
    before = translate(frame(*names), machine(lake, first))
    after = translate(frame(*names), again := machine(lake, second))
    assert first.sent == ["淄博烧烤", "桂林十八酿"]
    assert second.calls == []
    assert after.equals(before)
    assert (again.tally.remembered, again.tally.sent, again.tally.characters) == (2, 0, 0)
    translate(frame(*names, "乾隆十八碗"), machine(lake, third))
    assert third.sent == ["乾隆十八碗"]


def test_another_version_is_asked_again(lake: Lake) -> None:
    translate(frame("淄博烧烤"), machine(lake, House("house:1")))
    translate(frame("淄博烧烤"), machine(lake, newer := House("house:2")))
    assert newer.sent == ["淄博烧烤"]


def test_a_run_that_breaks_off_keeps_what_it_has(lake: Lake) -> None:
    names = [f"{c}十八酿" for c in "天地人和"]
    closing = House(texts=2)
    closing.down_after = 1
    with pytest.raises(TranslationError, match="closed"):
        translate(frame(*names), machine(lake, closing))
    translate(frame(*names), machine(lake, open_again := House()))
    assert open_again.sent == names[2:]


def test_compaction_keeps_every_answer(lake: Lake) -> None:
    first = machine(lake, House(texts=1))
    translate(frame("天十八酿", "地十八酿"), first)
    first.memory.compact()
    translate(frame("天十八酿", "地十八酿"), machine(lake, second := House()))
    assert second.calls == []


@pytest.mark.parametrize(
    ("name", "answer", "reason"),
    [
        ("淄博烧烤", Answer(reason="refused"), "refused"),
        ("淄博烧烤", Answer(), "no_answer"),
        ("淄博烧烤", Answer("…"), "empty_answer"),
        ("淄博烧烤", Answer("淄博烧烤"), "not_translated"),
        ("淄a面кกع", Answer("never asked"), "too_many_scripts"),
    ],
)
def test_a_name_that_fails_says_so_and_is_not_remembered(
    lake: Lake, name: str, answer: Answer, reason: str
) -> None:
    house = House()
    house.answers[name] = answer
    found = translate(frame(name, "桂林十八酿"), one := machine(lake, house))
    assert found["translation"].to_list() == [f"failed:{reason}", "house"]
    assert found["coverage"].to_list() == [0.0, 1.0]
    assert found["name_en"][0].isascii()
    assert one.tally.failed == {reason: 1}
    assert one.tally.figures()[f"texts_failed_{reason}"] == 1
    translate(frame(name), machine(lake, again := House()))
    assert again.sent == ([] if reason == "too_many_scripts" else [name])


def test_descriptions_and_ingredients_are_translated_too(lake: Lake) -> None:
    house = House()
    house.answers = {
        "外酥里嫩，回味无穷": Answer("Crisp outside,\ntender inside"),
        "黄颡": Answer("Yellow Catfish"),
    }
    given = frame("牛肉面", description="外酥里嫩，回味无穷", ingredients=["黄颡 200 g", "牛肉 200克"])
    found = translate(given, machine(lake, house))
    assert found["description_en"].to_list() == ["Crisp outside, tender inside"]
    assert found["ingredients_en"].to_list() == [["yellow catfish", "beef"]]
    assert house.sent == ["外酥里嫩，回味无穷", "黄颡"]


def test_one_text_of_two_languages_is_asked_in_both(lake: Lake) -> None:
    rows = [product(product_id=tag, name="十八酿", language=tag) for tag in ("zh", "ja")]
    found = translate(PRODUCTS_WITHOUT_IMAGES.frame(rows), machine(lake, house := House()))
    assert [language for language, _ in house.calls] == ["zh", "ja"]
    assert found["name_en"][0] != found["name_en"][1]


def test_english_is_never_sent(lake: Lake) -> None:
    translate(frame("Grandma's Secret Xyzzy", language="en"), machine(lake, house := House()))
    assert house.calls == []


def test_a_translator_that_loses_count_is_an_error(lake: Lake) -> None:
    class Forgetful(House):
        def translate(self, texts: Sequence[str], language: str | None) -> list[Answer]:
            return super().translate(texts, language)[1:]

    with pytest.raises(TranslationError, match="0 answers to 1 texts"):
        translate(frame("淄博烧烤"), machine(lake, Forgetful()))


def test_batches_stay_within_both_limits() -> None:
    lines = ["aa", "bb", "cccccccc", "dd", "ee", "ff"]
    cut = list(batches(lines, BatchLimits(2, 5)))
    assert cut == [["aa", "bb"], ["cccccccc"], ["dd", "ee"], ["ff"]]
