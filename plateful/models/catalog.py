"""The model catalog: validated entries by name.

An entry is one set of weights or one hosted model. Its serving profiles are names of their own: the default
one answers to the entry's id, another to `<id>-<profile>`, so that a switch is a switch of one name.
"""

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from plateful.errors import ConfigError
from plateful.models.capabilities import Capability
from plateful.models.profile import HostedProfile, ServingProfile

CATALOG_FILE = Path(__file__).parent / "catalog.yaml"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Licence(_Frozen):
    """Licence of the weights or of the service; a gate."""

    name: str
    commercial_use: bool
    # Who allowed it although the licence does not, and under which agreement.
    waiver: str | None = None

    @property
    def allowed(self) -> bool:
        """Whether pictures of this model may be sold with."""
        return self.commercial_use or bool(self.waiver)


class Weights(_Frozen):
    """Where weights come from; they are served from a folder of that name below the weights folder.

    `sha256` is that of the folder's `digests.json`, which holds every file's own.
    """

    folder: str
    s3: str | None = Field(default=None, pattern=r"^s3://")
    hub: str | None = Field(default=None, pattern=r"^[\w.-]+/[\w.-]+$")
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")


class Price(_Frozen):
    """USD per second of a device, or per picture."""

    per_second: float | None = Field(default=None, ge=0)
    per_image: float | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _one(self) -> "Price":
        if (self.per_second is None) == (self.per_image is None):
            raise ValueError("give either per_second or per_image")
        return self


class Endpoint(_Frozen):
    """Where a hosted model answers, and the environment variable that holds its key."""

    url: str = Field(pattern=r"^https?://")
    key: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")
    timeout: float = Field(default=120, gt=0)
    concurrency: int = Field(default=4, ge=1)


class CatalogEntry(_Frozen):
    """One model by name.

    Attributes:
        family: pipeline classes of a diffusers model.
        capabilities: what it takes, by unified parameter; what is absent is dropped.
        defaults: used where neither request, application nor profile says anything.
        applications: application -> defaults of its own.
        tiers: unified quality -> serving profile, or the hosted model's own word.
        profile: name of the default serving profile.
        narrowed: profile -> capabilities in which it differs.
        status: only validated entries serve; candidates can be tried.
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    provider: Literal["diffusers", "openai", "imagen", "ideogram", "stability"]
    family: Literal["sd15", "sdxl", "sd3", "flux"] | None = None
    weights: Weights | None = None
    endpoint: Endpoint | None = None
    licence: Licence
    status: Literal["candidate", "validated", "retired"]
    tier: Literal["preview", "production"] = "production"
    gpu_memory_gib: float = Field(default=0, ge=0)
    price: Price
    capabilities: dict[str, Capability]
    defaults: dict[str, int | float | str] = {}
    applications: dict[str, dict[str, int | float | str]] = {}
    tiers: dict[Literal["preview", "production"], str] = {}
    profiles: dict[str, ServingProfile | HostedProfile] = Field(min_length=1)
    profile: str
    narrowed: dict[str, dict[str, Capability]] = {}

    @model_validator(mode="before")
    @classmethod
    def _name_profiles(cls, fields: dict[str, Any]) -> dict[str, Any]:
        named = {
            name: {**profile, "name": name} if isinstance(profile, dict) else profile
            for name, profile in (fields.get("profiles") or {}).items()
        }
        return {**fields, "profiles": named}

    @model_validator(mode="after")
    def _whole(self) -> "CatalogEntry":
        own = self.provider == "diffusers"
        if own != (self.weights is not None and self.family is not None) or own == (
            self.endpoint is not None
        ):
            raise ValueError("a diffusers model has weights and a family, a hosted one an endpoint")
        if any(isinstance(profile, ServingProfile) != own for profile in self.profiles.values()):
            raise ValueError("its profiles are of another provider's kind")
        unknown = {self.profile, *self.narrowed} - self.profiles.keys()
        unknown |= (
            set() if "quality" in self.capabilities else set(self.tiers.values()) - self.profiles.keys()
        )
        if unknown:
            raise ValueError(f"profile {sorted(unknown)[0]!r} is not among its profiles")
        self._refuse_impossible_defaults()
        return self

    def _refuse_impossible_defaults(self) -> None:
        for profile in self.profiles:
            capabilities = self.capabilities_of(profile)
            for application in (None, *self.applications):
                for name, value in self.default_parameters(profile, application).items():
                    if name in capabilities and not capabilities[name].accepts(value):
                        raise ValueError(f"default {name} = {value!r} of {profile!r} is none that it takes")

    def profile_named(self, name: str | None = None) -> ServingProfile | HostedProfile:
        """Return a serving profile; None = the default one.

        Raises:
            ConfigError: there is none of that name.
        """
        chosen = name or self.profile
        if chosen not in self.profiles:
            raise ConfigError(
                f"model {self.id!r} has no profile {chosen!r}", fix=f"use one of {', '.join(self.profiles)}"
            )
        return self.profiles[chosen]

    def served_name(self, profile: str) -> str:
        """Return the name that a profile answers to."""
        return self.id if profile == self.profile else f"{self.id}-{profile}"

    def capabilities_of(self, profile: str) -> dict[str, Capability]:
        """Return the capabilities of a profile."""
        return self.capabilities | self.narrowed.get(profile, {})

    def default_parameters(self, profile: str, application: str | None = None) -> dict[str, Any]:
        """Return parameter -> value of a request that asks for nothing."""
        own = self.applications.get(application or "", {})
        return {**self.defaults, **self.profile_named(profile).parameters(), **own}


def load_catalog(path: Path = CATALOG_FILE) -> dict[str, CatalogEntry]:
    """Read the catalog: id -> entry, in file order.

    Raises:
        ConfigError: an entry is malformed, or two answer to one name; names the entry and the field.
    """
    raw: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    entries = {name: _entry(name, fields) for name, fields in raw.items()}
    served_names(entries)
    return entries


def served_names(catalog: dict[str, CatalogEntry]) -> dict[str, tuple[CatalogEntry, str]]:
    """Return every name that can be asked for -> (entry, profile name).

    Raises:
        ConfigError: two entries answer to one name.
    """
    names: dict[str, tuple[CatalogEntry, str]] = {}
    for entry in catalog.values():
        for profile in entry.profiles:
            name = entry.served_name(profile)
            if name in names:
                raise ConfigError(
                    f"models {names[name][0].id!r} and {entry.id!r} both answer to {name!r}",
                    fix="rename a profile in plateful/models/catalog.yaml",
                )
            names[name] = entry, profile
    return names


def _entry(name: str, fields: dict[str, Any]) -> CatalogEntry:
    try:
        return CatalogEntry.model_validate({**fields, "id": name})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        what = f"{place} = {first.get('input')!r}: {first['msg']}" if place else first["msg"]
        raise ConfigError(
            f"model {name!r}: {what}",
            fix="correct the entry in plateful/models/catalog.yaml",
        ) from error
