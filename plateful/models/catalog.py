"""The model catalog: validated entries by name, and `resolve_model`, which turns a name into a model version.

A model version is one immutable set of weights with its serving profile; its digest goes into every
candidate id.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from plateful.errors import ConfigError, ModelError
from plateful.identity import content_hash
from plateful.models.digests import verify_digests
from plateful.models.profile import ServingProfile

CATALOG_FILE = Path(__file__).parent / "catalog.yaml"
WEIGHTS_ROOT = Path(__file__).parent / "weights"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Choice(_Frozen):
    """A parameter that takes one of some values."""

    kind: Literal["enum"]
    values: tuple[int | float | str, ...] = Field(min_length=1)


class Span(_Frozen):
    """A parameter that takes a number between two bounds, both included."""

    kind: Literal["range"]
    low: float
    high: float


class Switch(_Frozen):
    """A thing that the model takes or does not take."""

    kind: Literal["boolean"]
    supported: bool


Capability = Annotated[Choice | Span | Switch, Field(discriminator="kind")]


class Licence(_Frozen):
    """Licence of the weights."""

    name: str
    commercial_use: bool


class CatalogEntry(_Frozen):
    """One model by name."""

    id: str
    provider: Literal["diffusers"]
    weights: str
    licence: Licence
    capabilities: dict[str, Capability]
    defaults: dict[str, int | float | str]
    profile: ServingProfile


@dataclass(frozen=True)
class ModelVersion:
    """One immutable set of weights plus serving profile. Two versions are equal when their digests are.

    Attributes:
        model: catalog id.
        digest: sha256 over the digests of all weight files and the profile.
        folder: local folder holding `pipeline/`, `tiny_vae/` and `clip/`.
    """

    model: str
    digest: str
    folder: Path = field(compare=False)
    profile: ServingProfile = field(compare=False)
    entry: CatalogEntry = field(compare=False)

    @property
    def name(self) -> str:
        """Short name for people and partitions, e.g. plateful-tiny-1a2b3c4d5e6f."""
        return f"{self.model}-{self.digest[:12]}"


def load_catalog(path: Path = CATALOG_FILE) -> dict[str, CatalogEntry]:
    """Read the catalog: id -> entry, in file order.

    Raises:
        ConfigError: an entry is malformed; names the entry and the field.
    """
    raw: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {name: _entry(name, fields) for name, fields in raw.items()}


def _entry(name: str, fields: dict[str, Any]) -> CatalogEntry:
    try:
        return CatalogEntry(**{**fields, "id": name})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ConfigError(
            f"model {name!r}: {place} = {first.get('input')!r}: {first['msg']}",
            fix="correct the entry in plateful/models/catalog.yaml",
        ) from error


def resolve_model(name: str, weights_root: Path | str | None = None) -> ModelVersion:
    """Return the model version behind a catalog name, with every weight file verified.

    `weights_root` is the folder that holds one folder per set of weights (default: those shipped).

    Raises:
        ConfigError: the name is not in the catalog.
        ModelError: weights are absent, altered, unrecorded, or not safetensors.
    """
    catalog = load_catalog()
    if name not in catalog:
        raise ConfigError(f"model {name!r} is not in the catalog", fix=f"use one of {', '.join(catalog)}")
    return model_version(catalog[name], Path(weights_root or WEIGHTS_ROOT))


def model_version(entry: CatalogEntry, weights_root: Path) -> ModelVersion:
    """Return the version of a catalog entry; raises ModelError as `resolve_model` does."""
    folder = weights_root / entry.weights
    if not folder.is_dir():
        raise ModelError(
            f"model {entry.id!r}: its weights folder {entry.weights!r} is absent",
            fix="run `make models`, or point the weights folder setting at the folder that holds it",
        )
    digests = _verified(folder, _stamp(folder))
    # Without what is not set, so that a new optional field leaves old versions what they were.
    digest = content_hash({"weights": digests, "profile": entry.profile.model_dump(exclude_none=True)})
    return ModelVersion(entry.id, digest, folder, entry.profile, entry)


@lru_cache(maxsize=8)
def _verified(folder: Path, stamp: tuple) -> dict[str, str]:  # noqa: ARG001 - the stamp is the cache key
    """Verify once per state of the folder: hashing 30 MB at every plan and shard would be waste."""
    return verify_digests(folder)


def _stamp(folder: Path) -> tuple:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return tuple((p.as_posix(), p.stat().st_mtime_ns, p.stat().st_size) for p in files)
