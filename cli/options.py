"""The options that several commands share."""

import getpass
import os
from typing import Annotated

import typer


def _user() -> str:
    # A container's user may have neither USER nor an entry in the password file.
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


Country = Annotated[str, typer.Option(help="Country code (ISO 3166-1 alpha-2).")]
Candidate = Annotated[str, typer.Argument(help="Candidate id, or its first eight digits or more.")]
Feed = Annotated[
    str | None, typer.Option(help="Feed file or folder; default PLATEFUL_FEED or the sample feed.")
]
Candidates = Annotated[int | None, typer.Option(min=1, max=16, help="Candidates per request.")]
Team = Annotated[str | None, typer.Option(help="Who pays; default PLATEFUL_TEAM.")]
By = Annotated[str, typer.Option(help="Who decides or asks.", default_factory=_user, show_default="you")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout instead of a table.")]
