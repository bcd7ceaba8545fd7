"""Who words prompts: the team's templates and the writer of the profile."""

import os
import time
from functools import partial
from pathlib import Path

import dagster as dg

from plateful.ledger import Ledger
from plateful.prompts.profiles import load_profile, load_writer
from plateful.prompts.teams import templates_of
from plateful.prompts.writer import Desk
from plateful.stores import Lake
from plateful.teams import DEFAULT_TEAM


class DeskResource(dg.ConfigurableResource):
    """Team, templates and writer profile of a run. The key of a language model is in the environment only."""

    profile: str = "grammar"
    url: str | None = None
    model: str | None = None
    team: str = DEFAULT_TEAM
    team_templates: str | None = None

    def open(self, country: str, lake: Lake, ledger: Ledger, max_attempts: int) -> Desk:
        """Return the desk for a country.

        Args:
            country: what is written for.
            lake: keeps a language model's answers.
            ledger: counts refusals.
            max_attempts: refusals after which a request is not asked for again.

        Raises:
            ConfigError: team, template file, profile, address or key is unknown or missing.
        """
        profile = load_profile(self.profile, url=self.url, model=self.model)
        return Desk(
            writer=load_writer(profile, lake, os.environ, time.sleep),
            templates=templates_of(self.team, Path(self.team_templates) if self.team_templates else None),
            team=self.team,
            or_grammar=profile.refused == "grammar",
            failed=ledger.quarantined(country, 1),
            given_up=ledger.quarantined(country, max_attempts),
            note_failure=partial(ledger.note_failure, country),
            note_success=partial(ledger.note_success, country),
        )
