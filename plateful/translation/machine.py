"""Machine translation of what the glossary left: remembered answers first, the rest in batches."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from plateful.errors import TranslationError
from plateful.translation.memory import TranslationMemory
from plateful.translation.outgoing import MAX_DESCRIPTION, incoming, outgoing, refusal, source_language
from plateful.translation.translator import Answer, BatchLimits, Translator

_Asked = tuple[str | None, str]


class MenuText(NamedTuple):
    """A text of a product and the language tags of the product."""

    text: str
    languages: tuple[str, ...]


@dataclass
class Tally:
    """What a run asked for: texts remembered, sent (with their characters), and failed by named reason."""

    remembered: int = 0
    sent: int = 0
    characters: int = 0
    failed: Counter[str] = field(default_factory=Counter)

    def figures(self) -> dict[str, int]:
        """Return the counts by name, failures by reason."""
        counted = {"remembered": self.remembered, "sent": self.sent, "characters_sent": self.characters}
        return {f"texts_{name}": n for name, n in counted.items()} | {
            f"texts_failed_{reason}": n for reason, n in sorted(self.failed.items())
        }


@dataclass
class Machine:
    """A translator with its memory.

    Attributes:
        translator: asked for what is not remembered.
        memory: answers of earlier runs; written after every batch.
        tally: what this object was asked for, all calls together.
    """

    translator: Translator
    memory: TranslationMemory
    tally: Tally = field(default_factory=Tally)

    def answers(self, texts: Iterable[MenuText]) -> dict[MenuText, Answer]:
        """Translate texts with the language tags of their products, equal ones once.

        Raises:
            TranslationError: the translator as a whole does not answer; finished batches are remembered.
        """
        found: dict[MenuText, Answer] = {}
        asked: dict[_Asked, list[MenuText]] = {}
        for one in dict.fromkeys(texts):
            line = outgoing(one.text, MAX_DESCRIPTION)
            reason = refusal(line)
            if reason:
                found[one] = Answer(reason=reason)
            else:
                asked.setdefault((source_language(line, one.languages), line), []).append(one)
        answered = self._ask(list(asked))
        found |= {one: answered[key] for key, same in asked.items() for one in same}
        self.tally.failed.update(answer.reason for answer in found.values() if answer.reason)
        return found

    def _ask(self, asked: list[_Asked]) -> dict[_Asked, Answer]:
        found: dict[_Asked, Answer] = {}
        left: dict[str | None, list[str]] = {}
        for language, line in asked:
            known = self.memory.recall(self.translator.version(language), language, line)
            if known is None:
                left.setdefault(language, []).append(line)
            else:
                found[language, line] = Answer(known)
        self.tally.remembered += len(found)
        for language, lines in left.items():
            for batch in batches(lines, self.translator.limits):
                answers = self._send(batch, language)
                found |= {(language, line): answer for line, answer in zip(batch, answers, strict=True)}
        return found

    def _send(self, batch: list[str], language: str | None) -> list[Answer]:
        answers = self.translator.translate(batch, language)
        if len(answers) != len(batch):
            raise TranslationError(
                f"translator {self.translator.method!r} gave {len(answers)} answers to {len(batch)} texts",
                fix="run it again; if it stays so, choose another profile with PLATEFUL_TRANSLATOR",
            )
        checked = [_checked(text, answer) for text, answer in zip(batch, answers, strict=True)]
        self.tally.sent += len(batch)
        self.tally.characters += sum(map(len, batch))
        good = {text: one.english for text, one in zip(batch, checked, strict=True) if one.english}
        self.memory.remember(self.translator.version(language), language, good)
        return checked


def batches(lines: Sequence[str], limits: BatchLimits) -> Iterator[list[str]]:
    """Cut lines into batches within the limits; a line longer than the limit goes alone."""
    batch: list[str] = []
    for line in lines:
        full = len(batch) >= limits.texts or sum(map(len, batch)) + len(line) > limits.characters
        if batch and full:
            yield batch
            batch = []
        batch.append(line)
    if batch:
        yield batch


def _checked(text: str, answer: Answer) -> Answer:
    """An answer without letters is none, and neither is the same text in its own script."""
    if answer.english is None:
        return Answer(reason=answer.reason or "no_answer")
    english = incoming(answer.english, MAX_DESCRIPTION)
    if not english:
        return Answer(reason="empty_answer")
    if answer.english.strip() == text and not text.isascii():
        return Answer(reason="not_translated")
    return Answer(english)
