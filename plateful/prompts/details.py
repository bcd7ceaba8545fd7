"""Count and form: what a record says on how many pieces there are and how the food is cut or treated.

Only plain statements count. Two numbers, a weight, a size for so many people, or forms that exclude each
other say nothing: a contract must not promise what the menu may not have meant.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from plateful.prompts.vocabulary import Dish, words_of

# Menus sell up to a platter of so many pieces; larger numbers are prices, years or table numbers.
MOST_PIECES = 60
_SPACELESS = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]")
# What before a number makes it a part of a larger one, or of a word.
_INSIDE_NUMBER = r"\da-zà-ÿ.,/\-一二两兩三四五六七八九十百"
_TIMES = re.compile(r"[x×]\s?(\d{1,2})\s*(?:$|[),;\]/-])", re.IGNORECASE)


@dataclass(frozen=True)
class Count:
    """A number of pieces and the field that tells it."""

    number: int
    field: str


@dataclass(frozen=True)
class Form:
    """A form, e.g. `boneless`, and the field that tells it."""

    form: str
    field: str


@lru_cache(maxsize=1)
def _source() -> dict[str, Any]:
    return yaml.safe_load(Path(__file__).with_name("details.yaml").read_text(encoding="utf-8"))


def count_of(record: Mapping[str, Any], dish: Dish | None, phrase: str = "") -> Count | None:
    """Return how many pieces a record promises, None when it does not say so, or not plainly.

    Args:
        record: a TRANSLATED_PRODUCTS row.
        dish: the kind of dish; only one that comes in pieces has a count.
        phrase: the words of the English name that told the dish; a number right before them counts too.
    """
    if dish is None or dish.pieces is None:
        return None
    texts = {"name": record["name"], "description": record["description"] or ""}
    found = {field: _numbers(text) for field, text in texts.items()}
    leading = _leading(record["name_en"], phrase)
    if leading is not None:
        found["name"].add(leading)
    numbers = set().union(*found.values())
    if len(numbers) != 1:
        return None
    number = numbers.pop()
    return (
        Count(number, next(field for field in found if found[field])) if 1 <= number <= MOST_PIECES else None
    )


def forms_of(record: Mapping[str, Any]) -> tuple[Form, ...]:
    """Return the forms that a record's name or category states, in the order of details.yaml."""
    texts = {"name": f"{record['name']} | {record['name_en']}", "category": record["category"] or ""}
    said: dict[str, str] = {}
    for form, phrases in _source()["forms"].items():
        field = next((field for field, text in texts.items() if _says(text, phrases)), None)
        if field:
            said[form] = field
    for row in _source()["exclude"]:
        both = [form for form in row if form in said]
        if len(both) > 1:
            for form in both:
                del said[form]
    return tuple(Form(form, field) for form, field in said.items())


def _numbers(text: str) -> set[int]:
    """Every number of pieces in a text: '6 pcs', 'four pieces', 'x4'."""
    low = text.casefold()
    said = {_value(match.group(1)) for match in _pieces().finditer(low)}
    return said | {int(match.group(1)) for match in _TIMES.finditer(low)}


@lru_cache(maxsize=1)
def _pieces() -> re.Pattern[str]:
    """A whole number, then at most one space, then a unit of pieces that ends there; '两个人' are people."""
    numbers = "|".join(_longest_first(_source()["numbers"]))
    units = _longest_first(_source()["units"])
    spaced = "|".join(re.escape(unit) for unit in units if not _SPACELESS.search(unit))
    joined = "|".join(re.escape(unit) for unit in units if _SPACELESS.search(unit))
    return re.compile(
        rf"(?<![{_INSIDE_NUMBER}])(\d{{1,2}}|{numbers})[\s-]?(?:(?:{spaced})(?!\w)|(?:{joined})(?!人))"
    )


def _longest_first(words: Iterable[str]) -> list[str]:
    return sorted(words, key=lambda word: (-len(word), word))


def _value(number: str) -> int:
    return int(number) if number.isdecimal() else _source()["numbers"][number]


def _leading(name: str, phrase: str) -> int | None:
    """The number right before the words that told the dish: 6 in 'six gyoza' and '6 gyoza'."""
    words, told = words_of(name), words_of(phrase)
    for at in range(1, len(words) - len(told) + 1):
        here = [word.removesuffix("s") for word in words[at : at + len(told)]]
        if told and here == [word.removesuffix("s") for word in told]:
            before = words[at - 1]
            known = before in _source()["numbers"] or (before.isdecimal() and len(before) <= 2)
            return _value(before) if known else None
    return None


def _says(text: str, phrases: Iterable[str]) -> bool:
    low = text.casefold()
    return any(
        phrase in low if _SPACELESS.search(phrase) else re.search(rf"(?<!\w){re.escape(phrase)}(?!\w)", low)
        for phrase in phrases
    )
