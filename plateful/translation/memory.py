"""Translation memory: what a translator answered, kept in the lake, so that no text is paid for twice.

A part log per country, appended batch by batch: a killed run has lost at most the batch in flight. Keyed by
text, language and translator version, never by product: a dish on fifty menus is sent once.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

import polars as pl

from plateful.identity import content_hash
from plateful.stores import Lake
from plateful.tables import TRANSLATIONS


class TranslationMemory:
    """Answers of one country.

    Args:
        lake: where they are kept.
        country: partition; one run writes a country at a time.
        clock: time in UTC.
    """

    def __init__(self, lake: Lake, country: str, clock: Callable[[], datetime]) -> None:
        self._lake, self._country, self._clock = lake, country, clock
        self._known: dict[str, str] | None = None

    def recall(self, version: str, language: str | None, text: str) -> str | None:
        """Return the English that this version of the translator once answered."""
        return self._answers().get(_key(version, language, text))

    def remember(self, version: str, language: str | None, answers: Mapping[str, str]) -> None:
        """Keep text -> English, at once."""
        now = self._clock()
        rows = [
            {
                "text_key": _key(version, language, text),
                "translator": version,
                "language": language,
                "text": text,
                "english": english,
                "translated_at": now,
            }
            for text, english in answers.items()
        ]
        if rows:
            self._lake.append_part(TRANSLATIONS.name, self._country, TRANSLATIONS.frame(rows))
            self._answers().update((row["text_key"], row["english"]) for row in rows)

    def compact(self) -> None:
        """Put the parts of all batches into one."""
        self._lake.compact(TRANSLATIONS.name, self._country)

    def _answers(self) -> dict[str, str]:
        if self._known is None:
            rows: pl.DataFrame = self._lake.read_parts(TRANSLATIONS.name, self._country)
            self._known = dict(rows.select("text_key", "english").iter_rows())
        return self._known


def _key(version: str, language: str | None, text: str) -> str:
    return content_hash([version, language, text])
