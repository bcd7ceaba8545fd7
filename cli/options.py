"""The options that several commands share."""

from typing import Annotated

import typer

Country = Annotated[str, typer.Option(help="Country code (ISO 3166-1 alpha-2).")]
Candidate = Annotated[str, typer.Argument(help="Candidate id, or its first eight digits or more.")]
Feed = Annotated[
    str | None, typer.Option(help="Feed file or folder; default PLATEFUL_FEED or the sample feed.")
]
Candidates = Annotated[int | None, typer.Option(min=1, max=16, help="Candidates per request.")]
By = Annotated[str, typer.Option(help="Who decides or asks.", envvar="USER")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout instead of a table.")]
