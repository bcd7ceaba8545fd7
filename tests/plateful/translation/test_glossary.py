"""The glossary: how many dishes it resolves, counted through the door that the asset uses, and its form."""

import pytest

from plateful.prompts.vocabulary import find_dish
from plateful.translation.glossary import dish_concepts, english_words, entries, fold, known_languages
from plateful.translation.text import translate_text

# Distinct dishes that a language may not fall below; drinks, ingredients and particles not counted.
DISHES = {
    "zh": 480, "ja": 180, "tr": 170, "ar": 170, "hi": 165, "th": 155, "ko": 145, "de": 150, "es": 145,
    "it": 135, "pt": 125, "fr": 125, "id": 120, "ru": 120, "he": 100, "vi": 100, "el": 85, "pl": 80, "bn": 70,
    "fa": 55, "uk": 55, "ur": 55, "fil": 50, "nl": 50, "hu": 40, "sv": 40, "da": 30, "nb": 25,
}  # fmt: skip


def _without_repeats(english: str) -> str:
    words = english.split()
    return " ".join(word for at, word in enumerate(words) if not at or words[at - 1] != word)


def test_every_language_with_a_file_has_a_bar() -> None:
    assert set(DISHES) == set(known_languages())


@pytest.mark.parametrize("language", sorted(DISHES))
def test_every_dish_resolves_to_its_english(language: str) -> None:
    names = {n: e for section in ("dishes", "drinks") for n, e in entries(language, section).items()}
    wrong = {
        name: found
        for name, english in names.items()
        if "*" not in name
        and (found := translate_text(name, [language])).english != _without_repeats(english)
    }
    assert wrong == {}
    assert len(dish_concepts(language)) >= DISHES[language]


def test_at_least_400_dishes_in_at_least_12_languages() -> None:
    assert len(dish_concepts()) >= 2_200
    asked = ("zh", "ar", "th", "ko", "ja", "hi", "tr", "ru", "el", "he", "vi", "fa")
    assert all(len(dish_concepts(language)) >= 55 for language in asked)


def test_words_for_the_same_dish_count_once() -> None:
    assert "pommes frites" in entries("de", "dishes").values()
    assert "pommes frites" not in dish_concepts("de")
    assert "french fries" in dish_concepts("de")


@pytest.mark.parametrize("language", sorted(DISHES))
def test_no_name_means_two_things_in_one_language(language: str) -> None:
    seen: dict[str, str] = {}
    for section in ("dishes", "drinks", "words"):
        for name, english in entries(language, section).items():
            assert seen.setdefault(fold(name), english) == english, name


def test_english_values_are_plain_words() -> None:
    for language in known_languages():
        for section in ("dishes", "drinks", "words"):
            values = entries(language, section).values()
            assert [v for v in values if v != v.lower() or not v.isascii()] == []


def test_a_foreign_dishs_own_words_are_not_english() -> None:
    assert {"burger", "chicken", "soup", "pancakes"} <= english_words()
    assert english_words().isdisjoint({"milanese", "frito", "tagawa"})


@pytest.mark.parametrize(
    ("simplified", "traditional"),
    [
        ("葱油拌面", "蔥油拌麵"),
        ("鱼香茄子", "魚香茄子"),
        ("过桥米线", "過橋米線"),
        ("鱿鱼", "魷魚"),
        ("热干面", "熱乾麵"),
    ],
)
def test_traditional_forms_mean_the_simplified_ones(simplified: str, traditional: str) -> None:
    assert fold(traditional) == fold(simplified)
    assert translate_text(traditional, ["zh-Hant"]) == translate_text(simplified, ["zh-Hans"])


@pytest.mark.parametrize(
    ("text", "language", "kind"),
    [
        ("酸辣土豆丝", "zh", "stir_fry"),
        ("チャーシューメン", "ja", "noodle_soup"),
        ("참치김밥", "ko", "sushi"),
        ("ข้าวผัดกุ้ง", "th", "fried_rice"),
        ("كبسة دجاج", "ar", "fried_rice"),
        ("एग बिरयानी", "hi", "fried_rice"),
        ("izgara köfte burger", "tr", "burger"),
        ("сырный суп-пюре", "ru", "soup"),
        ("زرشک پلو با مرغ", "fa", None),
        ("چکن بریانی", "ur", "fried_rice"),
        ("Pieczony łosoś z ziemniakami", "pl", None),
        ("Soupe à l’oignon", "fr", None),
    ],
)
def test_names_reach_the_kinds_that_the_model_knows(text: str, language: str, kind: str | None) -> None:
    found = translate_text(text, [language])
    match = find_dish(found.english)
    assert (match.dish.key if match else None) == kind
    assert found.coverage > 0.85


@pytest.mark.parametrize(
    ("text", "language", "english"),
    [
        ("Salade d’agneau", "fr", "salad lamb"),
        ("Penne all'aglio", "it", "penne pasta garlic"),
        ("سالاد با مرغ", "fa", "salad with chicken"),
    ],
)
def test_articles_written_onto_words(text: str, language: str, english: str) -> None:
    assert translate_text(text, [language]).english == english


def test_the_products_own_language_comes_first() -> None:
    assert translate_text("کباب", ["ur"]).english == "kebab"
    assert translate_text("كباب", ["ar"]).english == "kofta kebab"
    assert translate_text("Nasi Goreng", ["ms"]) == translate_text("Nasi Goreng", ["id"])
