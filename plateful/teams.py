"""Team names: who pays, and whose templates; one rule for settings, budgets, template files and requests."""

import re
from typing import Annotated

from pydantic import AfterValidator

from plateful.errors import ConfigError

DEFAULT_TEAM = "default"
_NAME = re.compile(r"[\w.-]{1,64}")
RULE = "letters, digits, `_`, `.` and `-`, 1 to 64 of them"


def _named(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"a team's name has {RULE}")
    return name


# A field of a pydantic model that holds a team's name.
TeamName = Annotated[str, AfterValidator(_named)]


def check_team(name: str) -> str:
    """Return a team's name.

    Raises:
        ConfigError: it cannot be one.
    """
    try:
        return _named(name)
    except ValueError:
        raise ConfigError(f"team {name[:80]!r} is no team name", fix=f"use {RULE}") from None
