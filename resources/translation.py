"""The translator of a run, as a resource."""

from pathlib import Path

import dagster as dg

from plateful.environments import utc_now
from plateful.translation import Machine
from plateful.translation.memory import TranslationMemory
from plateful.translation.profiles import GOOGLE_URL, TranslatorPlace, open_translator
from resources.stores import LakeResource


class TranslatorResource(dg.ConfigurableResource):
    """What translates the texts that the glossary does not resolve: a profile, and where its service is."""

    lake: dg.ResourceDependency[LakeResource]
    profile: str = "glossary"
    url: str = GOOGLE_URL
    project: str | None = None
    weights: str | None = None

    def open(self, country: str) -> Machine | None:
        """Return the translator with the country's memory; None when the glossary works alone."""
        place = TranslatorPlace(self.url, self.project, Path(self.weights) if self.weights else None)
        translator = open_translator(self.profile, place)
        if translator is None:
            return None
        return Machine(translator, TranslationMemory(self.lake.open(), country, utc_now))
