"""Translators by name: the profiles of profiles.yaml, and the adapter behind each.

Credentials come from the environment alone (GOOGLE_APPLICATION_CREDENTIALS); addresses and folders from the
settings, never from menus or profiles.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from plateful.errors import ConfigError
from plateful.translation.translator import Translator

PROFILES = Path(__file__).with_name("profiles.yaml")
GOOGLE_URL = "https://translation.googleapis.com"


class _Profile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class GlossaryProfile(_Profile):
    """Glossary and transliteration alone."""

    kind: Literal["glossary"]


class GoogleProfile(_Profile):
    """Google Cloud Translation v3; waits and timeout in seconds."""

    kind: Literal["google"]
    model: str = Field(min_length=1)
    location: str = Field(pattern=r"^[a-z0-9-]+$")
    texts: int = Field(ge=1, le=1024)
    characters: int = Field(ge=1000, le=30_000)
    timeout: float = Field(gt=0)
    attempts: int = Field(ge=1)
    first_wait: float = Field(gt=0)
    longest_wait: float = Field(gt=0)


class CTranslate2Profile(_Profile):
    """Opus-MT models converted for CTranslate2, one folder per source language."""

    kind: Literal["ctranslate2"]
    texts: int = Field(ge=1)
    characters: int = Field(ge=1000)
    beams: int = Field(ge=1, le=16)
    longest: int = Field(ge=8, le=1024)
    loaded: int = Field(ge=1)
    threads: int = Field(ge=1)


Profile = Annotated[GlossaryProfile | GoogleProfile | CTranslate2Profile, Field(discriminator="kind")]
_TABLE = TypeAdapter(dict[str, Profile])


@dataclass(frozen=True)
class TranslatorPlace:
    """Where a translator is, from the settings.

    Attributes:
        url: base address of the service, for `google`.
        project: cloud project that pays, for `google`.
        weights: folder of converted models, for `ctranslate2`.
    """

    url: str = GOOGLE_URL
    project: str | None = None
    weights: Path | None = None


@lru_cache(maxsize=4)
def load_profiles(path: Path = PROFILES) -> dict[str, Profile]:
    """Read the profiles.

    Raises:
        ConfigError: a profile is malformed; names it and the field.
    """
    try:
        return _TABLE.validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ConfigError(
            f"translator profile {place} = {first.get('input')!r}: {first['msg']}",
            fix=f"correct it in {path}",
        ) from error


def profile_named(name: str) -> Profile:
    """Return a profile.

    Raises:
        ConfigError: there is none of that name.
    """
    profiles = load_profiles()
    if name not in profiles:
        raise ConfigError(
            f"PLATEFUL_TRANSLATOR={name!r} is not a translator profile",
            fix=f"use one of {', '.join(profiles)}, or add it to plateful/translation/profiles.yaml",
        )
    return profiles[name]


def open_translator(
    name: str, place: TranslatorPlace, sleep: Callable[[float], None] = time.sleep
) -> Translator | None:
    """Return the translator of a profile, None for the glossary alone; imports its client on this call.

    Raises:
        ConfigError: unknown profile, or a setting that it needs is missing.
        ModelError: weights are missing or altered.
        TranslationError: no credentials.
    """
    profile = profile_named(name)
    if isinstance(profile, GoogleProfile):
        if not place.project:
            raise ConfigError(
                f"translator {name!r} needs a cloud project",
                fix="set PLATEFUL_TRANSLATOR_PROJECT to the project that pays",
            )
        from plateful.translation.google_translation import GoogleTranslator

        return GoogleTranslator(profile, place.url, place.project, sleep)
    if isinstance(profile, CTranslate2Profile):
        if place.weights is None:
            raise ConfigError(
                f"translator {name!r} needs a folder of converted models",
                fix="set PLATEFUL_TRANSLATOR_WEIGHTS to the folder that holds zh-en, ar-en, ...",
            )
        from plateful.translation.opus_models import OpusTranslator

        return OpusTranslator(profile, place.weights)
    return None
