"""translated_products: an English name, description and ingredients beside the original texts."""

import re

import polars as pl

from plateful.countries import COUNTRIES
from plateful.tables import TRANSLATED_PRODUCTS
from plateful.translation.text import Translation, translate_text

# Below this a description or ingredient is more transliteration than translation and would only mislead.
MIN_DESCRIPTION, MIN_INGREDIENT = 0.8, 0.3
_AMOUNTS = re.compile(
    r"\b\d+(?:[.,/]\d+)?\s*(?:g|kg|ml|cl|l|oz|lb|cups?|tbsp|tsp|pcs?)\b|\b\d+\b", re.IGNORECASE
)


def translate(products_without_images: pl.DataFrame) -> pl.DataFrame:
    """Translate each product's texts.

    Args:
        products_without_images: PRODUCTS_WITHOUT_IMAGES frame.

    Returns:
        TRANSLATED_PRODUCTS frame, one row per row given, in order.
    """
    return TRANSLATED_PRODUCTS.frame(
        [row | _english(row) for row in products_without_images.iter_rows(named=True)]
    )


def languages_of(row: dict) -> list[str]:
    """Return the languages of a product's texts: as tagged, else those of its country."""
    tagged = [tag for tag in re.split(r"[+,;\s]+", row["language"] or "") if tag]
    return tagged or list(COUNTRIES[row["country"]].languages)


def _english(row: dict) -> dict:
    languages = languages_of(row)
    name = translate_text(row["name"], languages)
    return {
        "name_en": name.english or row["name"].lower(),
        "description_en": _description(row["description"] or "", languages),
        "ingredients_en": [e for item in row["ingredients"] or [] if (e := _ingredient(item, languages))],
        "translation": name.how,
        "coverage": name.coverage,
    }


def _description(text: str, languages: list[str]) -> str | None:
    if not text:
        return None
    if text.isascii() and any(tag.lower().startswith("en") for tag in languages):
        return text
    translated = translate_text(text, languages)
    return translated.english if translated.english and translated.coverage >= MIN_DESCRIPTION else None


def _ingredient(text: str, languages: list[str]) -> str:
    translated: Translation = translate_text(_AMOUNTS.sub(" ", text), languages)
    if translated.coverage < MIN_INGREDIENT:
        return ""
    return " ".join(translated.words) if translated.words and translated.coverage < 1 else translated.english
