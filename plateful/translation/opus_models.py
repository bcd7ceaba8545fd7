"""Opus-MT models on the machine, through CTranslate2.

One folder per source language, `zh-en` and the like, as `ct2-transformers-converter` writes it from
safetensors (`--copy_files source.spm target.spm`) and `python -m plateful.translation.opus_models FOLDER`
records it: `model.bin`, `config.json`, vocabularies, `source.spm`, `target.spm`, `digests.json`.

`model.bin` is CTranslate2's own format, tensors by name that its C++ code reads; it is no pickle and holds
no code, so a wrong file is an error, never executed. The digests tell a swapped or damaged one before it is
read.
"""

import json
import sys
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import ctranslate2
import sentencepiece

from plateful.errors import ModelError, PlatefulError
from plateful.identity import content_hash
from plateful.models.digests import verify_digests, write_digests
from plateful.translation.profiles import CTranslate2Profile
from plateful.translation.translator import Answer, BatchLimits

# The one file whose suffix pickles share.
BINARIES = frozenset({"model.bin"})
_NEEDED = ("model.bin", "config.json", "source.spm", "target.spm")
_END = "</s>"


@dataclass(frozen=True)
class _Pair:
    """A loaded model with the tokenizers of both sides."""

    model: ctranslate2.Translator
    source: sentencepiece.SentencePieceProcessor
    target: sentencepiece.SentencePieceProcessor
    adds_end: bool


class OpusTranslator:
    """Translates with the model of a text's language; a language without one has the reason `no_model`.

    Args:
        profile: limits, beams, threads.
        folder: holds one folder per language, named `<code>-en`.

    Raises:
        ModelError: the folder holds no model.
    """

    method = "opus-mt"

    def __init__(self, profile: CTranslate2Profile, folder: Path) -> None:
        self._profile, self._folder = profile, folder
        self._pairs: OrderedDict[str, _Pair] = OrderedDict()
        self.limits = BatchLimits(profile.texts, profile.characters)
        if not any(folder.glob("*-en/model.bin")):
            raise ModelError(
                f"no translation model is in {folder} (looked for <language>-en/model.bin)",
                fix="convert one with ct2-transformers-converter, or correct PLATEFUL_TRANSLATOR_WEIGHTS",
            )

    def version(self, language: str | None) -> str:
        """Return the digest of a language's model and decoding, its files verified; "" without a model."""
        place = self._place(language)
        if place is None:
            return ""
        decoding = [self._profile.beams, self._profile.longest]
        return f"opus-mt:{content_hash([_verified(place, _stamp(place)), decoding])[:16]}"

    def translate(self, texts: Sequence[str], language: str | None) -> list[Answer]:
        """Translate texts of one language.

        Raises:
            ModelError: the language's model is altered or cannot be read.
        """
        place = self._place(language)
        if place is None:
            return [Answer(reason="no_model")] * len(texts)
        pair = self._loaded(place)
        tokens = [pair.source.encode(text, out_type=str) for text in texts]
        results = pair.model.translate_batch(
            [one if pair.adds_end else [*one, _END] for one in tokens],
            beam_size=self._profile.beams,
            max_decoding_length=self._profile.longest,
        )
        return [Answer(pair.target.decode(result.hypotheses[0])) for result in results]

    def _place(self, language: str | None) -> Path | None:
        # A code comes from a feed: only plain letters can name a folder.
        if not language or not language.isascii() or not language.isalpha():
            return None
        place = self._folder / f"{language}-en"
        return place if (place / "model.bin").is_file() else None

    def _loaded(self, place: Path) -> _Pair:
        if place.name not in self._pairs:
            _verified(place, _stamp(place))
            while len(self._pairs) >= self._profile.loaded:
                self._pairs.popitem(last=False)
            self._pairs[place.name] = _load(place, self._profile.threads)
        self._pairs.move_to_end(place.name)
        return self._pairs[place.name]


def record(place: Path) -> dict[str, str]:
    """Record the sha256 of every file of a converted model.

    Raises:
        ModelError: a file is missing, or is in a format that can run code.
    """
    absent = [name for name in _NEEDED if not (place / name).is_file()]
    if absent:
        raise ModelError(
            f"translation model {place} has no {absent[0]}",
            fix="convert it with ct2-transformers-converter --copy_files source.spm target.spm",
        )
    return write_digests(place, binaries=BINARIES)


def _load(place: Path, threads: int) -> _Pair:
    config = json.loads((place / "config.json").read_text(encoding="utf-8"))
    try:
        return _Pair(
            ctranslate2.Translator(str(place), device="cpu", intra_threads=threads),
            sentencepiece.SentencePieceProcessor(model_file=str(place / "source.spm")),
            sentencepiece.SentencePieceProcessor(model_file=str(place / "target.spm")),
            bool(config.get("add_source_eos", False)),
        )
    except (RuntimeError, OSError, ValueError) as error:
        raise ModelError(
            f"translation model {place} cannot be read: {str(error)[:200]}",
            fix="convert it again with the installed version of ctranslate2",
        ) from error


@lru_cache(maxsize=32)
def _verified(place: Path, stamp: tuple) -> dict[str, str]:  # noqa: ARG001 - the stamp is the cache key
    return verify_digests(place, binaries=BINARIES)


def _stamp(place: Path) -> tuple:
    files = sorted(path for path in place.rglob("*") if path.is_file())
    return tuple((path.as_posix(), path.stat().st_mtime_ns, path.stat().st_size) for path in files)


if __name__ == "__main__":
    try:
        for name in sys.argv[1:]:
            print(f"{name}: {len(record(Path(name)))} files recorded")
    except PlatefulError as error:
        sys.exit(f"error: {error}")
