"""What leaves the house for a translator, and what is taken from its answer: menu text is data, both ways."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from unidecode import unidecode

# A name is one line; a description two or three sentences.
MAX_NAME, MAX_DESCRIPTION = 400, 1000
# Japanese beside English has four; more is no menu line.
MAX_SCRIPTS = 4
# Letters, marks, numbers, punctuation, spaces and currency; no controls, direction overrides or private use.
_KEPT = re.compile(r"[LMNPZ].|Sc")
# First word of a character's Unicode name -> script; joined ones are written in one text of one language.
_SCRIPTS = {"CJK": "Han", "IDEOGRAPHIC": "Han", "FULLWIDTH": "LATIN", "HALFWIDTH": "KATAKANA"}
_LANGUAGES = {
    "Han": ("zh", "ja"), "HIRAGANA": ("ja",), "KATAKANA": ("ja",), "HANGUL": ("ko",), "THAI": ("th",),
    "ARABIC": ("ar", "fa", "ur"), "HEBREW": ("he",), "CYRILLIC": ("ru", "uk", "bg", "sr", "kk"),
    "GREEK": ("el",), "DEVANAGARI": ("hi", "mr", "ne"), "BENGALI": ("bn",),
}  # fmt: skip


def outgoing(text: str, limit: int = MAX_NAME) -> str:
    """Return what of a text may be sent: kept characters, single spaces, at most `limit` characters.

    A longer text is cut at a space where there is one in its last quarter.
    """
    kept = "".join(
        c if _KEPT.match(unicodedata.category(c)) else " " for c in unicodedata.normalize("NFC", text)
    )
    line = " ".join(kept.split())
    if len(line) <= limit:
        return line
    space = line.rfind(" ", limit * 3 // 4, limit + 1)
    return line[: space if space > 0 else limit]


def refusal(text: str) -> str | None:
    """Return the named reason why a text is not sent, None when it is."""
    found = scripts(text)
    if not found:
        return "no_letters"
    return "too_many_scripts" if len(found) > MAX_SCRIPTS else None


def scripts(text: str) -> Counter[str]:
    """Return script -> letters of it."""
    names = (unicodedata.name(c, "").split(" ")[0].split("-")[0] for c in text if c.isalpha())
    return Counter(_SCRIPTS.get(name, name) for name in names)


def source_language(text: str, languages: Sequence[str]) -> str | None:
    """Return the primary code of the language that a text is in, as far as its script and the tags tell.

    The tagged language of the most frequent script that is not Latin, else the script's usual one; for Latin
    text the only tagged language besides English that is written so, None when there are several or none.
    """
    codes = list(dict.fromkeys(tag.strip().split("-")[0].lower() for tag in languages if tag.strip()))
    found = scripts(text)
    foreign = [script for script, _ in found.most_common() if script in _LANGUAGES]
    if "HIRAGANA" in foreign or "KATAKANA" in foreign:
        return "ja"
    if foreign:
        usual = _LANGUAGES[foreign[0]]
        return next((code for code in codes if code in usual), usual[0])
    elsewhere = {code for usual in _LANGUAGES.values() for code in usual}
    latin = [code for code in codes if code != "en" and code not in elsewhere]
    return latin[0] if len(latin) == 1 else None


def incoming(english: str, limit: int = MAX_NAME) -> str:
    """Return an answer as one line of ASCII text of at most `limit` characters; "" when it has no letter."""
    plain = "".join(c if c.isprintable() else " " for c in unidecode(english))
    line = " ".join(plain.split())[:limit].strip()
    return line if any(c.isalpha() for c in line) else ""
