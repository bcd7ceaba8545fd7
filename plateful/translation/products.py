"""translated_products: an English name, description and ingredients beside the original texts.

The glossary is asked first. A translator, where a profile names one, gets what the glossary does not resolve
whole; a name that it fails on keeps its transliteration, says `failed:<reason>` and counts as not understood,
so that a person decides on its picture.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from plateful.countries import COUNTRIES
from plateful.tables import TRANSLATED_PRODUCTS
from plateful.translation.machine import Machine, MenuText
from plateful.translation.outgoing import MAX_NAME
from plateful.translation.text import Translation, translate_text
from plateful.translation.translator import Answer

# Below this a description or ingredient is more transliteration than translation and would only mislead.
MIN_DESCRIPTION, MIN_INGREDIENT = 0.8, 0.3
_AMOUNTS = re.compile(
    r"\b\d+(?:[.,/]\d+)?\s*(?:g|kg|ml|cl|l|oz|lb|cups?|tbsp|tsp|pcs?)\b|\b\d+\b", re.IGNORECASE
)


def translate(products_without_images: pl.DataFrame, machine: Machine | None = None) -> pl.DataFrame:
    """Translate each product's texts.

    Args:
        products_without_images: PRODUCTS_WITHOUT_IMAGES frame.
        machine: translator for what the glossary does not resolve, with its memory; None: glossary and
            transliteration alone.

    Returns:
        TRANSLATED_PRODUCTS frame, one row per row given, in order.

    Raises:
        TranslationError: the translator as a whole does not answer.
    """
    rows = list(products_without_images.iter_rows(named=True))
    answers = machine.answers(text for row in rows for text in _unresolved(row)) if machine else {}
    method = machine.translator.method if machine else ""
    return TRANSLATED_PRODUCTS.frame([row | _english(row, answers, method) for row in rows])


def languages_of(row: dict) -> tuple[str, ...]:
    """Return the languages of a product's texts: as tagged, else those of its country."""
    tagged = tuple(tag for tag in re.split(r"[+,;\s]+", row["language"] or "") if tag)
    return tagged or tuple(COUNTRIES[row["country"]].languages)


def _unresolved(row: dict) -> Iterator[MenuText]:
    """The texts of a product that the glossary does not resolve."""
    languages = languages_of(row)
    name = translate_text(row["name"], languages)
    if name.how != "none" and name.coverage < 1:
        yield MenuText(row["name"], languages)
    if row["description"] and _description(row["description"], languages) is None:
        yield MenuText(row["description"], languages)
    for item in map(_without_amounts, row["ingredients"] or []):
        if item and not _ingredient(item, languages):
            yield MenuText(item, languages)


def _english(row: dict, answers: Mapping[MenuText, Answer], method: str) -> dict:
    languages, description = languages_of(row), row["description"] or ""

    def answered(text: str) -> str:
        answer = answers.get(MenuText(text, languages))
        return answer.english or "" if answer else ""

    items = map(_without_amounts, row["ingredients"] or [])
    ingredients = [_ingredient(item, languages) or answered(item).lower() for item in items]
    return {
        **_name(row["name"], languages, answers.get(MenuText(row["name"], languages)), method),
        "description_en": _description(description, languages) or answered(description) or None,
        "ingredients_en": [item for item in ingredients if item],
    }


def _name(name: str, languages: Sequence[str], answer: Answer | None, method: str) -> dict:
    found = translate_text(name, languages)
    english = found.english or name.lower()
    if answer is None:
        return {"name_en": english, "translation": found.how, "coverage": found.coverage}
    if answer.english is None:
        return {"name_en": english, "translation": f"failed:{answer.reason}", "coverage": 0.0}
    return {"name_en": answer.english[:MAX_NAME].lower(), "translation": method, "coverage": 1.0}


def _without_amounts(item: str) -> str:
    return " ".join(_AMOUNTS.sub(" ", item).split())


def _description(text: str, languages: Sequence[str]) -> str | None:
    if not text:
        return None
    if text.isascii() and any(tag.lower().startswith("en") for tag in languages):
        return text
    translated = translate_text(text, languages)
    return translated.english if translated.english and translated.coverage >= MIN_DESCRIPTION else None


def _ingredient(text: str, languages: Sequence[str]) -> str:
    translated: Translation = translate_text(text, languages)
    if translated.coverage < MIN_INGREDIENT:
        return ""
    return " ".join(translated.words) if translated.words and translated.coverage < 1 else translated.english
