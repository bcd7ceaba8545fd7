"""Menu text is data: what leaves the house is capped, and what comes back is one line of ASCII."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plateful.translation.outgoing import MAX_NAME, incoming, outgoing, refusal, source_language


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("  血鸭\n\t(大) ", "血鸭 (大)"),
        ("面\u202e\u2066\u200b条", "面 条"),
        ("🍜 牛肉面 🔥", "牛肉面"),
        ("Crème brûlée €5", "Crème brûlée €5"),
    ],
)
def test_what_is_sent(text: str, sent: str) -> None:
    assert outgoing(text) == sent


def test_long_texts_are_cut_between_words() -> None:
    assert outgoing("soupe " * 100, 20) == "soupe soupe soupe"
    assert outgoing("面" * 500) == "面" * MAX_NAME


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("血鸭", None),
        ("とんかつ定食 set カツ", None),
        ("123 / 45", "no_letters"),
        ("", "no_letters"),
        ("a面кกع", "too_many_scripts"),
    ],
)
def test_what_is_refused(text: str, reason: str | None) -> None:
    assert refusal(text) == reason


@pytest.mark.parametrize(
    ("text", "tags", "language"),
    [
        ("血鸭", ["zh-Hans"], "zh"),
        ("親子丼", ["ja"], "ja"),
        ("ラーメン大盛", ["zh"], "ja"),
        ("蟹柳球 Crab Stick", ["en", "zh", "ms"], "zh"),
        ("Kuih Lapis", ["en", "zh", "ms"], "ms"),
        ("Kutsinta", ["en"], None),
        ("Kaiserschmarrn", ["de", "fr"], None),
        ("борщ", ["uk"], "uk"),
        ("борщ", ["de"], "ru"),
        ("زرشک پلو", ["fa-IR"], "fa"),
    ],
)
def test_the_language_that_a_text_is_sent_as(text: str, tags: list[str], language: str | None) -> None:
    assert source_language(text, tags) == language


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        ("Blood duck\n\n(spicy)", "Blood duck (spicy)"),
        ("crème", "creme"),
        ("—…", ""),
        ("x" * 900, "x" * MAX_NAME),
    ],
)
def test_what_is_kept_of_an_answer(answer: str, kept: str) -> None:
    assert incoming(answer) == kept


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.text(max_size=60))
def test_any_text_leaves_without_controls_and_comes_back_as_a_line(text: str) -> None:
    sent = outgoing(text, 40)
    assert len(sent) <= 40
    assert not any(unicodedata.category(c) in ("Cc", "Cf", "Co", "So", "Zl", "Zp") for c in sent)
    back = incoming(text)
    assert back.isascii()
    assert back.isprintable()
