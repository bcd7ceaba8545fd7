"""The glossary: menu words of many scripts in English; accents, case and variants do not matter.

One file per language under glossaries/, in three sections: `dishes` and `drinks` are what menus sell, `words`
(ingredients, ways of cooking, particles) make up names that no entry holds whole. English values use the
words of plateful/prompts/dishes.yaml and ingredients.yaml where there is one. A name ending in * is a stem
("курин*"), one that starts with * is the end of a compound ("*suppe"); the English "" carries no meaning.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import yaml

_FOLDER = Path(__file__).with_name("glossaries")
_SECTIONS = ("dishes", "drinks", "words")
# Languages in whose dishes a word must occur to count as English.
_ENGLISH_IN = 3
# Latin, Arabic and Hebrew marks carry no meaning on menus; Thai and Indic vowel signs do and stay.
_MARKS = re.compile("[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670\u0640]")
# Persian and Urdu keyboards write these Arabic letters with code points of their own.
_ARABIC = str.maketrans("ىةٱیکہھۃے", "يهايكهههي")
_DOTLESS = str.maketrans("ıøłđæœ’", "ioldao'")
_JOINERS = str.maketrans({"-": " ", "\u200c": " ", "\u200d": None})


@dataclass(frozen=True)
class Glossary:
    """Folded words to English.

    `words` holds whole words and phrases; `stems` and `endings` the parts marked with *; `longest` the most
    characters of a word, `phrase` the most words of a phrase.
    """

    words: dict[str, str] = field(default_factory=dict)
    stems: dict[str, str] = field(default_factory=dict)
    endings: dict[str, str] = field(default_factory=dict)
    longest: int = 0
    phrase: int = 0

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


def _read(path: Path) -> dict:
    # libyaml's parser reads the whole glossary in 0.1 CPU-seconds, the Python one in 0.6.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(path.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506 - both are safe loaders


@lru_cache(maxsize=1)
def _shared() -> dict:
    return _read(_FOLDER / "shared.yaml")


@lru_cache(maxsize=1)
def _variants() -> dict[int, str]:
    return {ord(pair[0]): pair[1] for pair in _shared()["variants"].split()}


def fold(text: str) -> str:
    """Return the form for look-ups: case, accents, Arabic letter and Han variants folded."""
    plain = _MARKS.sub("", unicodedata.normalize("NFKD", text.casefold().translate(_JOINERS)))
    plain = plain.translate(_ARABIC).translate(_DOTLESS).translate(_variants())
    return unicodedata.normalize("NFC", plain)


def known_languages() -> tuple[str, ...]:
    """Return the codes of the languages that have a file, sorted."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml") if path.stem != "shared"))


@lru_cache(maxsize=128)
def entries(language: str, section: str) -> Mapping[str, str]:
    """Return name -> English of a language's section (dishes, drinks, words), names as menus write them."""
    source = _read_language(language)
    return {name: english for english, names in source.get(section, {}).items() for name in names}


@lru_cache(maxsize=64)
def _read_language(language: str) -> dict:
    return _read(_FOLDER / f"{language}.yaml")


@lru_cache(maxsize=64)
def _folded(language: str) -> Glossary:
    """One language's words, its dishes before its words."""
    found = Glossary()
    for section in _SECTIONS:
        for name, english in entries(language, section).items():
            place, key = (
                (found.stems, name[:-1])
                if name.endswith("*")
                else (found.endings, name[1:])
                if name.startswith("*")
                else (found.words, name)
            )
            place.setdefault(fold(key), english)
    return found


@lru_cache(maxsize=64)
def glossary(languages: tuple[str, ...] = ()) -> Glossary:
    """Return the words in force: those of the languages given, in order, then every other script's."""
    aliases, known = _shared()["aliases"], known_languages()
    asked = [aliases.get(code, code) for code in languages]
    chosen = dict.fromkeys([*(code for code in asked if code in known), *_shared()["scripts"]])
    words: dict[str, str] = {}
    stems: dict[str, str] = {}
    endings: dict[str, str] = {}
    for one in map(_folded, chosen):
        for place, more in ((words, one.words), (stems, one.stems), (endings, one.endings)):
            place |= {key: english for key, english in more.items() if key not in place}
    return Glossary(words, stems, endings, max(map(len, words)), max(w.count(" ") + 1 for w in words))


@lru_cache(maxsize=1)
def english_words() -> frozenset[str]:
    """Return English menu words, so that 'Burger' on a German menu counts as understood.

    They are what `words` sections translate to, and what names of dishes hold in three languages or more: a
    word of fewer may be a foreign dish's own ('milanese').
    """
    plain = {w for code in known_languages() for e in entries(code, "words").values() for w in e.split()}
    dishes = Counter(
        word
        for code in known_languages()
        for word in {
            w for part in ("dishes", "drinks") for e in entries(code, part).values() for w in e.split()
        }
    )
    return frozenset(plain | {word for word, languages in dishes.items() if languages >= _ENGLISH_IN})


def dish_concepts(language: str | None = None) -> set[str]:
    """Return the distinct dishes (drinks, ingredients and other words left out) of one or all languages.

    English words for one and the same dish count once (shared.yaml, `same_dish`).
    """
    one = {other: dish for dish, others in _shared()["same_dish"].items() for other in others}
    codes = known_languages() if language is None else (language,)
    return {one.get(english, english) for code in codes for english in entries(code, "dishes").values()}
