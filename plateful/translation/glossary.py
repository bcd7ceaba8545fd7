"""The glossary: menu words of many scripts in English; accents, case and variants do not matter."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

_PATH = Path(__file__).with_name("glossary.yaml")
# Latin, Arabic and Hebrew marks carry no meaning on menus; Thai and Indic vowel signs do and stay.
_MARKS = re.compile("[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670\u0640]")
_ARABIC = str.maketrans("ىةٱ", "يها")
_DOTLESS = str.maketrans("ıøłđæœ", "ioldao")


@dataclass(frozen=True)
class Glossary:
    """Folded words to English.

    `words` holds whole words and phrases; `stems` and `endings` the parts marked with *; `longest` the most
    characters of a word, `phrase` the most words of a phrase.
    """

    words: dict[str, str]
    stems: dict[str, str]
    endings: dict[str, str]
    longest: int
    phrase: int

    def part(self, word: str) -> tuple[str, int] | None:
        """Return (English, characters resolved) of one folded word: itself, or its known stem and ending."""
        if word in self.words:
            return self.words[word], len(word)
        stem = next((word[:n] for n in range(len(word), 2, -1) if word[:n] in self.stems), "")
        ending = next((word[n:] for n in range(len(stem), len(word) - 2) if word[n:] in self.endings), "")
        if not stem and not ending:
            return None
        english = [self.stems[stem]] if stem else []
        if ending:
            english.append(self.endings[ending])
            return " ".join(english), len(stem) + len(ending)
        # A stem stands for its whole word: the rest is inflection.
        return english[0], len(word)


@lru_cache(maxsize=1)
def _source() -> dict:
    return yaml.safe_load(_PATH.read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def _variants() -> dict[int, str]:
    return {ord(pair[0]): pair[1] for pair in _source()["same"].split()}


def fold(text: str) -> str:
    """Return the form for look-ups: case, accents, Arabic letter and Han variants folded."""
    plain = _MARKS.sub("", unicodedata.normalize("NFKD", text.casefold().replace("-", " ")))
    plain = plain.translate(_ARABIC).translate(_DOTLESS).translate(_variants())
    return unicodedata.normalize("NFC", plain)


@lru_cache(maxsize=64)
def glossary(languages: tuple[str, ...] = ()) -> Glossary:
    """Return the words in force: every script's, and those of the Latin-script languages given."""
    source = _source()
    chosen = [source["latin"][code] for code in languages if code in source["latin"]] + list(
        source["scripts"].values()
    )
    words: dict[str, str] = {}
    stems: dict[str, str] = {}
    endings: dict[str, str] = {}
    for section in chosen:
        for word, english in section.items():
            place, key = (
                (stems, word[:-1])
                if word.endswith("*")
                else (endings, word[1:])
                if word.startswith("*")
                else (words, word)
            )
            place.setdefault(fold(key), english)
    return Glossary(words, stems, endings, max(map(len, words)), max(w.count(" ") + 1 for w in words))


def size() -> dict[str, int]:
    """Return the number of entries by language."""
    source = _source()
    return {code: len(words) for part in ("scripts", "latin") for code, words in source[part].items()}
