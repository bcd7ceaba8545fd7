"""Translate one line of menu text: longest glossary match first, transliteration for what is left.

Scripts written without spaces (Han, kana, Hangul, Thai) are cut over characters, the others over words.
Names of two scripts are usually a name and its translation: a Latin part of two words or more is taken as the
English name, and only glossary words that it lacks are added.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from unidecode import unidecode

from plateful.translation.glossary import Glossary, english_words, fold, glossary

_UNSPACED = (
    "\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
)
_TOKEN = re.compile(
    rf"[{_UNSPACED}]+|(?:(?![{_UNSPACED}])(?:[^\W_]|[\u0300-\u036f\u0900-\u0dff]|(?<=\w)['’](?=\w)))+"
)
_UNSPACED_RUN = re.compile(rf"[{_UNSPACED}]")
_BRACKETS = re.compile(r"[(（\[【「][^)）\]】」]*[)）\]】」]")
# Arabic and Hebrew write article and conjunction onto the word, French and Italian with an apostrophe.
_PREFIXES = tuple(map(fold, (
    "وال", "بال", "وبال", "لل", "ال", "و", "ب", "ה", "ו", "ב",
    "l'", "d'", "all'", "dell'", "dall'", "nell'", "sull'", "un'",
)))  # fmt: skip
MAX_TEXT = 400


@dataclass(frozen=True)
class Translation:
    """English (lower case ASCII), how reached, share of letters resolved, the glossary's words."""

    english: str
    how: str
    coverage: float
    words: tuple[str, ...] = ()


@dataclass
class _Part:
    """A piece of the text: English, letters, letters resolved, from the glossary or not, Latin or not."""

    english: str
    letters: int
    resolved: int
    known: bool = False
    latin: bool = False
    words: list[str] = field(default_factory=list)


def translate_text(text: str, languages: Sequence[str] = ()) -> Translation:
    """Translate one line.

    Args:
        text: cleaned text; only its first 400 characters are read.
        languages: BCP 47 tags of the text; they choose the Latin-script glossaries, and `en` means Latin
            words are English.

    Returns:
        `how` is none (English as it stands), glossary, or transliteration (Latin words of another language
        count as such).
    """
    codes = tuple(dict.fromkeys(tag.strip().split("-")[0].lower() for tag in languages if tag.strip()))
    words = glossary(tuple(code for code in codes if code != "en"))
    main = _BRACKETS.sub(" ", text[:MAX_TEXT])
    parts = _parts(
        main if any(c.isalpha() for c in main) else text[:MAX_TEXT], words, english="en" in codes or not codes
    )
    latin = [p for p in parts if p.latin]
    foreign = [p for p in parts if not p.latin]
    if foreign and len(latin) >= 2:
        said = set(" ".join(p.english for p in latin).split())
        added = [p for p in foreign if p.known and not set(p.english.split()) <= said]
        parts, judged = [*latin, *added], latin
    else:
        judged = parts
    letters = sum(p.letters for p in judged)
    coverage = sum(p.resolved for p in judged) / letters if letters else 0.0
    known = any(p.known for p in parts)
    how = "glossary" if known else "none" if parts and coverage == 1.0 else "transliteration"
    return Translation(
        _join(p.english for p in parts), how, round(coverage, 4), tuple(p.english for p in parts if p.known)
    )


def _join(pieces: Sequence[str] | object) -> str:
    words: list[str] = []
    for piece in pieces:  # type: ignore[union-attr]
        for word in piece.split():
            if not words or words[-1] != word:
                words.append(word)
    while words and words[-1] in ("with", "and", "of", "on", "in"):
        words.pop()
    return " ".join(words)


def _parts(text: str, words: Glossary, *, english: bool) -> list[_Part]:
    tokens = [m.group() for m in _TOKEN.finditer(unicodedata.normalize("NFKC", text))]
    parts: list[_Part] = []
    at = 0
    while at < len(tokens):
        if _UNSPACED_RUN.match(tokens[at]):
            parts += _cut(fold(tokens[at]), words)
            at += 1
            continue
        used, part = _phrase(tokens[at : at + words.phrase], words, english=english)
        parts.append(part)
        at += used
    return parts


def _cut(run: str, words: Glossary) -> list[_Part]:
    """Cut a run without spaces so that most letters are known, in the fewest pieces."""
    best: list[tuple[int, int, int]] = [(0, 0, 0)]
    for end in range(1, len(run) + 1):
        known, pieces, _ = best[end - 1]
        options = [(known, pieces, 0)]
        for n in range(1, min(words.longest, end) + 1):
            if run[end - n : end] in words.words:
                known, pieces, _ = best[end - n]
                options.append((known + n, pieces - 1, n))
        best.append(max(options))
    parts: list[_Part] = []
    at, unknown = len(run), ""
    while at > 0:
        n = best[at][2]
        if n:
            parts += [*_unknown(unknown), _Part(words.words[run[at - n : at]], n, n, known=True)]
            unknown = ""
        else:
            unknown = run[at - 1] + unknown
        at -= n or 1
    return [*parts, *_unknown(unknown)][::-1]


def _unknown(text: str) -> list[_Part]:
    return [_Part(_ascii(text), len(text), 0)] if text else []


def _phrase(tokens: list[str], words: Glossary, *, english: bool) -> tuple[int, _Part]:
    """Resolve the longest known phrase at the front, else the first word; return (words used, part)."""
    for n in range(len(tokens), 1, -1):
        if any(_UNSPACED_RUN.match(t) for t in tokens[:n]):
            continue
        phrase = fold(" ".join(tokens[:n]))
        if phrase in words.words:
            letters = len(phrase.replace(" ", ""))
            return n, _Part(words.words[phrase], letters, letters, known=True, latin=_is_latin(tokens[0]))
    token = tokens[0]
    return 1, _word(token, words, english=english)


def _word(token: str, words: Glossary, *, english: bool) -> _Part:
    folded, latin = fold(token), _is_latin(token)
    letters = sum(c.isalpha() or unicodedata.category(c).startswith("M") for c in folded)
    found = words.part(folded) or next(
        (
            words.part(folded[len(p) :])
            for p in _PREFIXES
            if folded.startswith(p) and words.part(folded[len(p) :])
        ),
        None,
    )
    if found:
        return _Part(
            found[0],
            letters,
            min(letters, found[1] + (letters - len(folded))) if latin else letters,
            known=True,
            latin=latin,
        )
    resolved = letters if latin and (english or folded in english_words()) else 0
    return _Part(_ascii(token), letters, resolved, latin=latin)


def _ascii(text: str) -> str:
    return re.sub(r"[^a-z0-9' -]+", " ", unidecode(text).lower().replace("&", " and ")).strip()


def _is_latin(token: str) -> bool:
    """Digits count as Latin: '7up', '2-pc'."""
    first = next((c for c in token if c.isalpha()), "a")
    return "LATIN" in unicodedata.name(first, "")
