"""What a translator is: the seam between menus and whatever turns their text into English.

The glossary comes first and costs nothing; a translator gets what the glossary does not resolve. Which one is
in use is a profile (profiles.yaml).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Answer:
    """What came back for one text: English, or the named reason why there is none."""

    english: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class BatchLimits:
    """How much one call takes: texts, and characters of them together."""

    texts: int
    characters: int


class Translator(Protocol):
    """Translates menu text to English."""

    @property
    def method(self) -> str:
        """Short name that the table gives as the method."""
        ...

    @property
    def limits(self) -> BatchLimits:
        """How much one call takes."""
        ...

    def version(self, language: str | None) -> str:
        """Return what decides the answers for a language: what was answered by another is asked again."""
        ...

    def translate(self, texts: Sequence[str], language: str | None) -> list[Answer]:
        """Translate texts of one language: one answer a text, in order.

        Args:
            texts: within `limits`; already capped (outgoing.py).
            language: primary language code, None when the translator has to find out.

        Raises:
            TranslationError: the translator as a whole does not answer; a text of its own fault has a reason.
        """
        ...
