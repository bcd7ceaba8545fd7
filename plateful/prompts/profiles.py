"""Writer profiles: who words prompts, from YAML; `PLATEFUL_WRITER` names a shipped one or a file."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from plateful.errors import ConfigError
from plateful.prompts.templates import read_yaml
from plateful.prompts.writers import GrammarWriter, PromptWriter
from plateful.stores.lake import Lake

FOLDER = Path(__file__).with_name("writers")


class Endpoint(BaseModel):
    """An OpenAI-compatible chat endpoint.

    The key is read from the variable `key_from`, and only there: an address may hold none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    url: str | None = Field(default=None, pattern="^https?://[^@]+$")
    model: str | None = None
    key_from: str | None = Field(default=None, pattern="^[A-Z][A-Z0-9_]*$")
    timeout: float = Field(gt=0, le=600)
    tries: int = Field(ge=1, le=10)
    longest_wait: float = Field(ge=0, le=600)
    parallel: int = Field(ge=1, le=64)
    temperature: float | None = Field(default=None, ge=0, le=2)
    max_tokens: int = Field(ge=16, le=8192)
    # Newer models of OpenAI refuse the older name.
    tokens_as: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"


class WriterProfile(BaseModel):
    """Who words prompts: the template grammar, or a language model with rules for answers that break them."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: Literal["grammar", "llm"]
    endpoint: Endpoint | None = None
    # Ask once more, naming the fault, before an answer is refused.
    repair: bool = True
    # What becomes of a product whose answer is refused.
    refused: Literal["quarantine", "grammar"] = "quarantine"


def load_profile(name: str, *, url: str | None = None, model: str | None = None) -> WriterProfile:
    """Load a profile.

    Args:
        name: of a shipped profile, or the path of a YAML file.
        url: address of its endpoint instead of the profile's own.
        model: model at its endpoint instead of the profile's own.

    Raises:
        ConfigError: unknown, or a field is unknown or malformed.
    """
    path = Path(name).expanduser() if name.endswith((".yaml", ".yml")) else FOLDER / f"{name}.yaml"
    if not path.is_file():
        shipped = ", ".join(sorted(found.stem for found in FOLDER.glob("*.yaml")))
        raise ConfigError(
            f"PLATEFUL_WRITER={name!r} is no writer profile",
            fix=f"use one of {shipped}, or the path of a YAML file",
        )
    fields = read_yaml(path, "writer profile")
    own = {name: value for name, value in (("url", url), ("model", model)) if value}
    if isinstance(fields, dict) and isinstance(fields.get("endpoint"), dict):
        fields["endpoint"] |= own
    try:
        profile = WriterProfile.model_validate(fields)
    except ValidationError as fault:
        first = fault.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "profile"
        raise ConfigError(
            f"writer profile {path.name!r}: {field}: {first['msg']}", fix=f"correct {field} in {path}"
        ) from None
    if profile.kind == "llm" and profile.endpoint is None:
        raise ConfigError(
            f"writer profile {path.name!r} has no endpoint", fix="give it one, as in writers/llm.yaml"
        )
    return profile


def load_writer(
    profile: WriterProfile, lake: Lake, environment: Mapping[str, str], sleep: Callable[[float], None]
) -> PromptWriter:
    """Return the writer of a profile.

    Args:
        profile: which.
        lake: where a language model's answers are kept.
        environment: holds its key.
        sleep: waits for some seconds.

    Raises:
        ConfigError: its endpoint has no address, model or key.
    """
    if profile.kind == "grammar":
        return GrammarWriter()
    # Imported here: it loads the openai client, which the grammar does without.
    from plateful.prompts.llm import language_model_writer

    return language_model_writer(profile, lake, environment, sleep)
