"""Prompt templates, one per application: versioned text with slots, a look, defaults, few-shot examples.

The shipped ones are in `templates/`; a team's own file overrides any field (see `teams`).
"""

from collections.abc import Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from plateful.errors import ConfigError
from plateful.identity import content_hash
from plateful.prompts.layout import Area, overlapping, slots

FOLDER = Path(__file__).with_name("templates")
# Where a field comes from that its file does not give.
DEFAULTS = Path(__file__)
SLOTS = ("dish", "ingredients", "dishes", "vessel", "background", "lighting", "camera")
Setting = Mapping[str, str]


class Example(BaseModel):
    """Products and the prompt for them in one setting: tested here, few-shot material for a language model.

    `setting` has the slots vessel, background, lighting and camera as the prompt has them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    products: list[dict[str, str | list[str]]] = Field(min_length=1)
    setting: dict[str, str]
    prompt: str


class Template(BaseModel):
    """One application's template.

    `parts` are joined in order; a part is left out when one of its slots is empty. `dishes` is every product
    of a group, joined by `between`; a template whose parts ask for it composes groups. `camera` is the
    framing. `dish` pins the kind of dish; without it the product's name decides. `layout` names areas that
    the picture leaves free.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    application: str
    version: int = Field(ge=1)
    parts: list[str] = Field(min_length=1)
    between: str = ", "
    negative: str
    backgrounds: list[str] = Field(min_length=1)
    lighting: str
    camera: str
    vessels: list[str]
    default_vessel: str
    dish: str | None = None
    style: str
    size: int = Field(ge=64, le=4096)
    steps: int = Field(ge=1, le=200)
    cfg_scale: float = Field(ge=0, le=30)
    strength: float = Field(gt=0, le=1)
    layout: dict[str, Area] = Field(default_factory=dict)
    examples: list[Example] = Field(min_length=1)
    # The team whose file changed something, none for a template as shipped.
    team: str | None = None

    @field_validator("parts")
    @classmethod
    def _known_slots(cls, parts: list[str]) -> list[str]:
        for part in parts:
            unknown = [name for name in slots(part) if name not in SLOTS]
            if unknown:
                raise ValueError(f"slot {unknown[0]!r} is unknown; use {', '.join(SLOTS)}")
        return parts

    @model_validator(mode="after")
    def _separate_areas(self) -> "Template":
        pair = overlapping(self.layout)
        if pair:
            raise ValueError(f"layout areas {pair[0]!r} and {pair[1]!r} overlap")
        return self

    @cached_property
    def digest(self) -> str:
        """8 hex digits over every field."""
        return content_hash(self.model_dump(mode="json"))[:8]

    @property
    def name(self) -> str:
        """As written into PROMPTS.template: `menu-item@1`, or `menu-item@1+acme.1f2e3d4c` with overrides."""
        shipped = f"{self.application}@{self.version}"
        return shipped if self.team is None else f"{shipped}+{self.team}.{self.digest}"

    @property
    def composes(self) -> bool:
        """Whether it shows several related products in one scene."""
        return any("dishes" in slots(part) for part in self.parts)

    @property
    def parameters(self) -> dict[str, str | int | float]:
        """The rendering parameters that a request asks for."""
        return {"style": self.style, "size": self.size, "steps": self.steps, "cfg_scale": self.cfg_scale}

    def fill(self, values: Mapping[str, str]) -> str:
        """Return the prompt for these slots (all of SLOTS); a value is data and is never read for slots."""
        return "".join(part.format(**values) for part in self.parts if all(values[s] for s in slots(part)))


def read_yaml(path: Path, what: str) -> Any:  # noqa: ANN401 - whatever the file holds
    """Return a YAML file's content.

    Raises:
        ConfigError: there is none, or it is not YAML.
    """
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as fault:
        told = " ".join(str(fault).split())[:300]
        raise ConfigError(f"{what} {path.name!r} cannot be read: {told}", fix=f"correct {path}") from None


def parse_template(fields: object, path: Path, what: str = "prompt template") -> Template:
    """Check a template's fields.

    Raises:
        ConfigError: naming the file, the field and its value.
    """
    try:
        return Template.model_validate(fields)
    except ValidationError as fault:
        first = fault.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "template"
        if first["type"] == "extra_forbidden":
            problem, fix = f"field {field!r} is unknown", f"use one of {', '.join(FIELDS)}"
        else:
            value = "" if first["type"] in ("missing", "value_error") else f" = {str(first['input'])[:80]!r}"
            problem, fix = f"{field}{value}: {first['msg']}", f"correct {field} in {path}"
        raise ConfigError(f"{what} {path.name!r}: {problem}", fix=fix) from None


@lru_cache(maxsize=1)
def load_templates() -> dict[str, Template]:
    """Return the shipped templates by application.

    Raises:
        ConfigError: a file is malformed, or named differently from its application.
    """
    templates: dict[str, Template] = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        template = parse_template(read_yaml(path, "prompt template"), path)
        if template.application != path.stem:
            raise ConfigError(
                f"prompt template {path.name!r} is of application {template.application!r}",
                fix=f"name it {template.application}.yaml",
            )
        templates[template.application] = template
    return templates


# What a template consists of, in the order of its file.
FIELDS = tuple(name for name in Template.model_fields if name != "team")
