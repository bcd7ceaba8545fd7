"""Prompt templates, one per application: versioned text with slots, defaults, few-shot examples."""

from functools import lru_cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from plateful.errors import ConfigError

_FOLDER = Path(__file__).with_name("templates")


class Example(BaseModel):
    """A record and its prompt: tested here, few-shot material for a language model that writes."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    record: dict[str, str | list[str]]
    prompt: str


class Template(BaseModel):
    """One application's template.

    `parts` are joined in order, a part is left out when its slot is empty; slots: dish, ingredients, vessel,
    background, lighting, camera. `dish` pins the kind of dish; without it the product's name decides.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    application: str
    version: int = Field(ge=1)
    parts: list[str] = Field(min_length=1)
    negative: str
    backgrounds: list[str] = Field(min_length=1)
    lighting: str
    camera: str
    vessels: list[str]
    default_vessel: str
    dish: str | None = None
    parameters: dict[str, str | int | float]
    strength: float = Field(gt=0, le=1)
    examples: list[Example] = Field(min_length=1)

    @property
    def name(self) -> str:
        """Application and version, as written into PROMPTS.template."""
        return f"{self.application}@{self.version}"

    def fill(self, slots: dict[str, str]) -> str:
        """Return the prompt; a slot that no part asks for is ignored, an unknown slot in a part is an error.

        Raises:
            ConfigError: a part names a slot that does not exist.
        """
        try:
            filled = [part.format(**slots) for part in self.parts if all(slots[s] for s in _slots(part))]
        except (KeyError, ValueError, IndexError) as fault:
            raise ConfigError(
                f"template {self.name!r}: slot {fault} is unknown", fix=f"use {', '.join(slots)}"
            ) from fault
        return "".join(filled)


def _slots(part: str) -> list[str]:
    return [piece.partition("}")[0] for piece in part.split("{")[1:]]


@lru_cache(maxsize=1)
def load_templates() -> dict[str, Template]:
    """Return the shipped templates by application.

    Raises:
        ConfigError: a file is malformed or two serve one application.
    """
    templates: dict[str, Template] = {}
    for path in sorted(_FOLDER.glob("*.yaml")):
        try:
            template = Template.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (ValidationError, yaml.YAMLError) as fault:
            raise ConfigError(
                f"prompt template {path.name!r} is malformed: {fault}",
                fix="see plateful/prompts/templates.py",
            ) from fault
        if template.application in templates:
            raise ConfigError(f"two templates serve application {template.application!r}", fix="keep one")
        templates[template.application] = template
    return templates
