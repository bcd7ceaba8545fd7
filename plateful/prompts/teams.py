"""A team's own template fields: one YAML file per team, laid over the shipped templates.

`<folder>/<team>.yaml` holds {application: {field: value}}. A field given there replaces the shipped one as a
whole, lists and layouts included. What is effective, and from which file, is what `plateful templates` shows.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plateful.errors import ConfigError
from plateful.prompts.templates import (
    DEFAULTS,
    FIELDS,
    FOLDER,
    Template,
    load_templates,
    parse_template,
    read_yaml,
)
from plateful.teams import DEFAULT_TEAM, check_team

OVERRIDABLE = tuple(name for name in FIELDS if name not in ("application", "version"))


@dataclass(frozen=True)
class EffectiveTemplate:
    """A template as a team uses it, and the file that each field comes from."""

    template: Template
    sources: Mapping[str, Path]

    def rows(self) -> list[tuple[str, Any, Path]]:
        """Return (field, value, file) of every field, in a template's order."""
        values = self.template.model_dump(mode="json")
        return [(name, values[name], self.sources[name]) for name in FIELDS]


def effective_templates(team: str = DEFAULT_TEAM, folder: Path | None = None) -> dict[str, EffectiveTemplate]:
    """Return application -> template of a team.

    Args:
        team: whose; the `default` team need not have a file.
        folder: of the teams' files; None when there are none.

    Raises:
        ConfigError: naming the team, file, application or field that is unknown or malformed.
    """
    path = _team_file(team, folder)
    changes = _changes(path) if path else {}
    return {
        application: _overridden(shipped, team, path, changes.get(application, {}))
        for application, shipped in load_templates().items()
    }


def templates_of(team: str = DEFAULT_TEAM, folder: Path | None = None) -> dict[str, Template]:
    """Return application -> template of a team, without the sources; arguments as above."""
    return {name: found.template for name, found in effective_templates(team, folder).items()}


def _team_file(team: str, folder: Path | None) -> Path | None:
    check_team(team)
    if folder is None:
        return None
    if not folder.is_dir():
        raise ConfigError(
            f"team templates folder {str(folder)!r} does not exist",
            fix="create it, or unset PLATEFUL_TEAM_TEMPLATES",
        )
    path = folder / f"{team}.yaml"
    if path.is_file():
        return path
    if team == DEFAULT_TEAM:
        return None
    known = ", ".join(sorted(found.stem for found in folder.glob("*.yaml"))) or "none"
    raise ConfigError(
        f"team {team!r} has no file in {folder}",
        fix=f"write {path} ({{}} keeps every shipped field); teams with one: {known}",
    )


def _changes(path: Path) -> dict[str, dict[str, Any]]:
    content = read_yaml(path, "team templates") or {}
    if not isinstance(content, dict):
        raise ConfigError(
            f"team templates {path.name!r} hold a {type(content).__name__}",
            fix="write `application:` and below it `field: value`",
        )
    for application, fields in content.items():
        _check_names(path, application, fields)
    return content


def _check_names(path: Path, application: object, fields: object) -> None:
    where = f"team templates {path.name!r}"
    applications = load_templates()
    if application not in applications:
        raise ConfigError(
            f"{where}: application {application!r} is unknown", fix=_instead(application, [*applications])
        )
    if not isinstance(fields, dict):
        raise ConfigError(
            f"{where}: {application} holds a {type(fields).__name__}", fix="give it `field: value` lines"
        )
    for name in fields:
        if name not in OVERRIDABLE:
            raise ConfigError(
                f"{where}: {application} has no field {name!r} to override", fix=_instead(name, OVERRIDABLE)
            )


def _instead(word: object, known: list[str] | tuple[str, ...]) -> str:
    close = difflib.get_close_matches(str(word), known, n=1)
    return f"use {close[0]!r}" if close else f"use one of {', '.join(known)}"


def _overridden(
    shipped: Template, team: str, path: Path | None, fields: Mapping[str, Any]
) -> EffectiveTemplate:
    own = FOLDER / f"{shipped.application}.yaml"
    sources = {name: own if name in shipped.model_fields_set else DEFAULTS for name in FIELDS}
    if path is None or not fields:
        return EffectiveTemplate(shipped, sources)
    values = {**shipped.model_dump(exclude={"team"}), **fields, "team": team}
    what = f"team templates of {shipped.application} in"
    return EffectiveTemplate(parse_template(values, path, what), {**sources, **dict.fromkeys(fields, path)})
