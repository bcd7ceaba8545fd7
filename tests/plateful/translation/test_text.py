"""Menu words of many scripts come out in English; the rest is transliterated and says so."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plateful.translation.glossary import fold
from plateful.translation.text import translate_text


@pytest.mark.parametrize(
    ("text", "language", "english"),
    [
        ("红烧牛肉面", "zh", "beef noodle soup"),
        ("紅燒牛肉麵", "zh-Hant", "beef noodle soup"),
        ("番茄牛肉蛋花汤", "zh", "tomato beef clear egg drop soup"),
        ("烤鸡翅", "zh", "roast chicken wings"),
        ("とんこつラーメン", "ja", "tonkotsu ramen"),
        ("김치볶음밥", "ko", "kimchi fried rice"),
        ("ผัดไทยกุ้งสด", "th", "pad thai prawn"),
        ("ก๋วยเตี๋ยวเรือเนื้อ", "th", "boat noodles beef"),
        ("شاورما دجاج بالثوم", "ar", "chicken shawarma garlic"),
        ("عصير الليمون بالنعناع", "ar", "fresh juice lemon mint"),
        ("Борщ с говядиной", "ru", "borscht with beef"),
        ("बटर चिकन और नान", "hi", "butter chicken and naan"),
        ("χωριάτικη σαλάτα", "el", "greek salad"),
        ("פלאפל וחומוס", "he", "falafel hummus"),
        ("Mercimek Çorbası", "tr", "lentil soup"),
        ("IZGARA LEVREK", "tr", "izgara levrek"),
        ("Kartoffelsuppe mit Speck", "de", "potato soup with bacon"),
        ("Frango à Passarinho", "pt-BR", "fried chicken"),
        ("Vellutata di Zucca", "it", "pumpkin soup"),
    ],
)  # fmt: skip
def test_glossary(text: str, language: str, english: str) -> None:
    found = translate_text(text, [language])
    assert found.english == english
    assert found.how == "glossary"
    assert found.coverage > 0.85


def test_what_the_glossary_does_not_know_is_transliterated() -> None:
    found = translate_text("桂林轰炸机", ["zh"])
    assert found.english.isascii()
    assert (found.how, found.words) == ("transliteration", ()) or found.coverage < 0.5
    half = translate_text("淄博烧烤", ["zh"])
    assert half.english == "zi bo grilled skewers"
    assert half.coverage == 0.5


def test_english_stays() -> None:
    found = translate_text("Crème Brûlée (L)", ["en"])
    assert (found.english, found.how, found.coverage) == ("creme brulee", "none", 1.0)


def test_a_latin_language_is_not_english() -> None:
    found = translate_text("Piccata alla Milanese", ["de"])
    assert found.how == "transliteration"
    assert found.coverage < 0.5


def test_languages_choose_latin_words() -> None:
    assert translate_text("Pasta", ["tr"]).english == "cake"
    assert translate_text("Pasta", ["it"]).english == "pasta"
    assert translate_text("Pasta", ["en"]).english == "pasta"


@pytest.mark.parametrize(
    ("text", "english"),
    [
        ("蟹柳球 Crab Stick Ball", "crab stick ball"),
        ("咸蛋付皮卷 Beancurd Roll", "beancurd roll salted egg tofu skin"),
        ("Laksa 叻沙", "laksa"),
        ("Carrot Cake 菜头粿", "carrot cake radish cake"),
    ],
)
def test_names_of_two_scripts(text: str, english: str) -> None:
    assert translate_text(text, ["en", "zh", "ms"]).english == english


def test_folding() -> None:
    assert fold("Şiş Kebabı") == fold("sis kebabi")
    assert fold("أرز") == fold("ارز")
    assert fold("雞飯") == "鸡饭"
    assert "้" in fold("ต้มยำ")


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.text(max_size=60))
def test_any_text_gives_ascii_and_a_share(text: str) -> None:
    found = translate_text(text, ["th", "de"])
    assert found.english.isascii()
    assert found.english == found.english.lower()
    assert 0 <= found.coverage <= 1
