"""Menu text becomes one plain line; what cannot be seen is named."""

import unicodedata

import pytest

from plateful.products.cleaning import cut, has_letter, hidden_characters, one_line, without_prices


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("  皮薄\n馅大，\r\n现包  ", "皮薄 馅大， 现包"),
        ("a\u00a0b\u3000c\td", "a b c d"),
        (unicodedata.normalize("NFD", "Käsespätzle"), "Käsespätzle"),
        ("so\u00adft\u200b hy\ufeffphen", "soft hyphen"),
        ("\u200eشاورما\u200f", "شاورما"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("क्\u200dष", "क्\u200dष"),
        ("Pi\u200dzza", "Pizza"),
        ("evil\u202egnp.exe", "evilgnp.exe"),
        ("nul\x00byte\x1b[31m", "nulbyte[31m"),
    ],
)
def test_one_line(text: str, clean: str) -> None:
    assert one_line(text) == clean


@pytest.mark.parametrize(
    "code", [0x00, 0x07, 0x1B, 0x7F, 0x9B, 0x202A, 0x202E, 0x2066, 0x2069, 0xE0041, 0xFFFE]
)
def test_hidden_characters_are_named(code: int) -> None:
    assert hidden_characters(f"a{chr(code)}b") == [f"U+{code:04X}"]


@pytest.mark.parametrize("text", ["Kaşarlı\nPide", "می\u200cخواهم", "\u200eحمص", "🍕 Pizza", "tab\there"])
def test_spaces_and_spelling_marks_are_not_hidden(text: str) -> None:
    assert hidden_characters(text) == []


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("粒粒分明，特价18元", "粒粒分明，特价"),
        ("220 g, dazu Kartoffeln (€ 24,90)", "220 g, dazu Kartoffeln"),
        ("Aos sábados, R$ 49,90", "Aos sábados"),
        ("Coconut broth, S$7.50 with extra prawns", "Coconut broth, with extra prawns"),
        ("مع الطحينة 12 درهم", "مع الطحينة"),
        ("ราคา 85 บาท", "ราคา"),
        ("Bakır sahanda 120 TL", "Bakır sahanda"),
        ("8oz, £19.95", "8oz"),
        ("RM 4.95", ""),
        ("250 g Mehl, 3 Eier, 1,5 Liter", "250 g Mehl, 3 Eier, 1,5 Liter"),
        ("Serves 2 to 4", "Serves 2 to 4"),
        ("¥1,280 税込", "税込"),
    ],
)
def test_without_prices(text: str, rest: str) -> None:
    assert without_prices(text) == rest


def test_cut_and_letters() -> None:
    assert cut("abcdef", 4) == "abc…"
    assert cut("abc", 4) == "abc"
    assert has_letter("ไก่")
    assert not has_letter("12 — 🍕 …")
