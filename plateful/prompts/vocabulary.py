"""What menu words mean to the embedded model: which dish a name is, and which ingredients a text holds."""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

_FOLDER = Path(__file__).parent
_PREPOSITIONS = re.compile(r"\b(?:with|in|on|and|of|over|without)\b")
_WORD = re.compile(r"[a-z0-9']+")
# As the captions spell them.
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True)
class Pieces:
    """How the captions call a dish that is counted, and the numbers of pieces that they know."""

    one: str | None
    many: str
    least: int
    most: int


@dataclass(frozen=True)
class Dish:
    """One kind of dish that the model knows; see dishes.yaml. `pieces` is None where nothing is counted."""

    key: str
    phrase: str
    article: str
    menu_names: tuple[str, ...]
    words: tuple[str, ...]
    ingredients: tuple[str, ...]
    exclusive: tuple[str, ...]
    vessels: tuple[str, ...]
    pieces: Pieces | None

    def counted(self, number: int) -> str | None:
        """Return 'six dumplings' as a caption has it, None for a number that no caption has."""
        counted = self.pieces
        if counted is None or not counted.least <= number <= counted.most:
            return None
        return f"{NUMBERS[number]} {counted.many if number != 1 else counted.one or self.phrase}"


@dataclass(frozen=True)
class Match:
    """A dish found in a name, and the phrase that told it."""

    dish: Dish
    phrase: str


@lru_cache(maxsize=1)
def _dishes_source() -> dict:
    return yaml.safe_load((_FOLDER / "dishes.yaml").read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def _ingredients_source() -> dict:
    return yaml.safe_load((_FOLDER / "ingredients.yaml").read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def dishes() -> dict[str, Dish]:
    """Return the known dishes by key."""
    counted = _dishes_source()["pieces"]
    return {
        key: Dish(
            key=key,
            phrase=entry["phrase"],
            article=entry["article"],
            menu_names=tuple(entry["menu_names"]),
            words=tuple(entry["words"]),
            ingredients=tuple(entry["ingredients"]),
            exclusive=tuple(entry["exclusive"]),
            vessels=tuple(entry["vessels"]),
            pieces=Pieces(**{"one": None, **counted[key]}) if key in counted else None,
        )
        for key, entry in _dishes_source()["dishes"].items()
    }


def words_of(text: str) -> list[str]:
    """Return the lower-case ASCII words of an English text."""
    return _WORD.findall(text.lower().replace("-", " "))


@lru_cache(maxsize=1)
def _phrases() -> dict[tuple[str, ...], str]:
    """Words of a phrase -> dish key, empty for phrases that hold a name back."""
    table = {tuple(words_of(phrase)): "" for phrase in _dishes_source()["unmapped"]}
    for dish in dishes().values():
        for phrase in (dish.phrase, *dish.menu_names, *dish.words):
            table.setdefault(tuple(words_of(phrase)), dish.key)
    return table


def find_dish(name: str) -> Match | None:
    """Return the dish that an English name means, None when it is none of the known ones.

    The part before 'with', 'in', 'on' ... is asked first, since it holds the head of the name; the longest
    phrase wins, the later one of two equally long ones ('chicken rice bowl' is a bowl).
    """
    head = _PREPOSITIONS.split(name.lower(), maxsplit=1)[0]
    for part in (head, name) if head.strip() and head != name else (name,):
        found = _longest(words_of(part))
        if found is not None:
            key, phrase = found
            return Match(dishes()[key], phrase) if key and not _held_back(key, name) else None
    return None


def _held_back(key: str, name: str) -> bool:
    return not set(_dishes_source()["held_back"].get(key, ())).isdisjoint(words_of(name))


def _longest(words: list[str]) -> tuple[str, str] | None:
    table = _phrases()
    for n in range(min(len(words), 5), 0, -1):
        for at in range(len(words) - n, -1, -1):
            for piece in (
                tuple(words[at : at + n]),
                (*words[at : at + n - 1], words[at + n - 1].removesuffix("s")),
            ):
                if piece in table:
                    return table[piece], " ".join(piece)
    return None


@lru_cache(maxsize=1)
def _ingredient_phrases() -> dict[tuple[str, ...], str]:
    table: dict[tuple[str, ...], str] = {}
    for word, synonyms in _ingredients_source()["words"].items():
        for phrase in (word, *synonyms):
            table.setdefault(tuple(words_of(phrase)), word)
    return table


def find_ingredients(text: str) -> list[str]:
    """Return the drawable ingredients that an English text names, in order, each once."""
    words, table = words_of(text), _ingredient_phrases()
    found: list[str] = []
    at = 0
    while at < len(words):
        n = next((n for n in (3, 2, 1) if tuple(words[at : at + n]) in table and at + n <= len(words)), 0)
        if n and table[tuple(words[at : at + n])] not in found:
            found.append(table[tuple(words[at : at + n])])
        at += n or 1
    return found


def is_shown(text: str) -> bool:
    """Tell whether an ingredient can be seen on the plate ('chicken stock' and 'chilli oil' cannot)."""
    padded = f" {' '.join(words_of(text))} "
    return not any(f" {word} " in padded for word in _ingredients_source()["not_shown"])


def implied_ingredients(name: str, phrase: str) -> list[str]:
    """Return what a name promises without saying it (Margherita: tomato, mozzarella, basil)."""
    padded = f" {' '.join(words_of(name))} {phrase} "
    return [i for key, items in _dishes_source()["implied"].items() if f" {key} " in padded for i in items]


def excluded_by_diet(dietary: list[str]) -> list[str]:
    """Return the drawable ingredients that a dietary claim rules out."""
    source = _ingredients_source()
    claims = {c.strip().casefold() for c in dietary}
    groups = source["groups"]
    if claims & {n.casefold() for n in source["dietary"]["vegan"]}:
        return [*groups["meat"], *groups["fish"], *groups["animal"]]
    if claims & {n.casefold() for n in source["dietary"]["vegetarian"]}:
        return [*groups["meat"], *groups["fish"]]
    return []


def undeclared_allergens(allergens: list[str]) -> dict[str, list[str]]:
    """Return undeclared allergen -> ingredients that show it; empty without any declaration."""
    declared = {a.strip().casefold() for a in allergens}
    table = _ingredients_source()["allergens"]
    return (
        {k: v["shows"] for k, v in table.items() if not declared & {n.casefold() for n in v["names"]}}
        if declared
        else {}
    )
