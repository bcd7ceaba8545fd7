"""plateful templates: the prompt templates as a team uses them, and the file that each value comes from."""

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import console
from cli.options import Json
from plateful.environments import ROOT, load_settings
from plateful.errors import ConfigError
from plateful.prompts.teams import EffectiveTemplate, effective_templates


def templates(
    application: Annotated[
        str | None, typer.Argument(help="One application; all in short without it.")
    ] = None,
    team: Annotated[str | None, typer.Option(help="Whose; default PLATEFUL_TEAM.")] = None,
    as_json: Json = False,
) -> None:
    """Show the prompt templates in effect, and the file that each value comes from."""
    settings = load_settings()
    found = effective_templates(team or settings.team, settings.team_templates)
    if application is not None and application not in found:
        raise ConfigError(
            f"application {application!r} has no prompt template", fix=f"use one of {', '.join(found)}"
        )
    chosen = {application: found[application]} if application else found
    if as_json:
        console.print_json([_document(name, template) for name, template in chosen.items()])
    elif application:
        rows = [(name, _shown(value), _place(path)) for name, value, path in chosen[application].rows()]
        console.print_table(chosen[application].template.name, ["field", "value", "from"], rows)
    else:
        columns = ["template", "look", "size", "cfg_scale", "composes", "layout", "own fields"]
        console.print_table("Prompt templates", columns, [_line(one) for one in chosen.values()])


def _line(found: EffectiveTemplate) -> tuple[object, ...]:
    one, shipped = found.template, found.sources["application"]
    look = f"{one.lighting}, {one.camera}, {' / '.join(one.backgrounds)}"
    own = ", ".join(name for name, path in found.sources.items() if path != shipped)
    composes = "a group" if one.composes else "one product"
    return one.name, look, one.size, one.cfg_scale, composes, ", ".join(one.layout), own


def _document(application: str, found: EffectiveTemplate) -> dict[str, Any]:
    fields = {name: {"value": value, "from": _place(path)} for name, value, path in found.rows()}
    return {"application": application, "template": found.template.name, "fields": fields}


def _place(path: Path) -> str:
    return os.path.relpath(path, ROOT) if path.is_relative_to(ROOT) else str(path)


def _shown(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
