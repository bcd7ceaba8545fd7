"""The model catalog: validated entries by name.

An entry is one set of weights or one hosted model. Its serving profiles are names of their own: the default
one answers to the entry's id, another to `<id>-<profile>`, so that a switch is a switch of one name.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from plateful.budgets.price import Price
from plateful.errors import ConfigError
from plateful.models.capabilities import Capability, Switch
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


class Endpoint(_Frozen):
    """Where a hosted model answers, and the environment variable that holds its key."""

    url: str = Field(pattern=r"^https?://")
    key: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")
    timeout: float = Field(default=120, gt=0)
    concurrency: int = Field(default=4, ge=1)
    # Its reference promises that a repeated `Idempotency-Key` is answered from the first call and billed
    # once. Without that promise a call whose reply was lost is never sent again.
    idempotent: bool = False


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
        self._refuse_unbacked_references()
        return self

    def _refuse_impossible_defaults(self) -> None:
        for profile in self.profiles:
            capabilities = self.capabilities_of(profile)
            for application in (None, *self.applications):
                for name, value in self.default_parameters(profile, application).items():
                    if name in capabilities and not capabilities[name].accepts(value):
                        raise ValueError(f"default {name} = {value!r} of {profile!r} is none that it takes")

    def _refuse_unbacked_references(self) -> None:
        """Reference images are the work of an IP-Adapter, which only UNets have."""
        for name, profile in self.profiles.items():
            capability = self.capabilities_of(name).get("reference_image")
            claimed = isinstance(capability, Switch) and capability.supported
            adapted = isinstance(profile, ServingProfile) and profile.ip_adapter is not None
            if claimed and not adapted:
                raise ValueError(f"profile {name!r} takes reference images without naming an ip_adapter")
            if adapted and not claimed:
                raise ValueError(f"profile {name!r} names an ip_adapter and takes no reference images")
            if adapted and self.family not in ("sd15", "sdxl"):
                raise ValueError(f"profile {name!r} names an ip_adapter, which family {self.family} has not")

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
    """Read a catalog: id -> entry, in file order.

    Args:
        path: the shipped one, or a company's own (`PLATEFUL_CATALOG`).

    Raises:
        ConfigError: the file cannot be read, an entry is malformed, or two answer to one name; names the
            entry and the field.
    """
    state = path.stat() if path.is_file() else None
    return dict(_catalog(path, state and (state.st_size, state.st_mtime_ns)))


@lru_cache(maxsize=8)
def _catalog(path: Path, _state: tuple[int, int] | None) -> dict[str, CatalogEntry]:
    """Parse once per state of the file: every step of every run asks, and YAML takes 0.2 s."""
    entries = {str(name): _entry(str(name), fields, path) for name, fields in _read(path).items()}
    served_names(entries)
    return entries


def _read(path: Path) -> dict[Any, Any]:
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = error.strerror if isinstance(error, OSError) else " ".join(str(error).split())
        raise ConfigError(
            f"model catalog {path} cannot be read: {reason}",
            fix="point PLATEFUL_CATALOG at a YAML file, or unset it to use the shipped catalog",
        ) from error
    if not isinstance(raw, dict) or not raw:
        raise ConfigError(
            f"model catalog {path} is {type(raw).__name__}, not a mapping of model ids to entries",
            fix="write one entry per model, as plateful/models/catalog.yaml does",
        )
    return raw


def name_for_tier(name: str, quality: str | None, catalog: dict[str, CatalogEntry]) -> str:
    """Return the served name that renders a quality tier: own models have a serving profile for each.

    A profile asked for by name stays, and so does a model without such a tier; the receipt then says dropped.

    Raises:
        ConfigError: the name is not in the catalog.
    """
    names = served_names(catalog)
    if name not in names:
        raise ConfigError(f"model {name!r} is not in the catalog", fix=f"use one of {', '.join(names)}")
    entry, profile = names[name]
    tier = entry.tiers.get(quality) if quality in ("preview", "production") else None
    return entry.served_name(tier) if profile == entry.profile and tier in entry.profiles else name


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
                    fix="rename a profile in the catalog",
                )
            names[name] = entry, profile
    return names


def _entry(name: str, fields: Any, path: Path) -> CatalogEntry:  # noqa: ANN401 - what the file holds
    if not isinstance(fields, dict):
        raise ConfigError(
            f"model {name!r} is {type(fields).__name__}, not a mapping", fix=f"correct the entry in {path}"
        )
    try:
        return CatalogEntry.model_validate({**fields, "id": name})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        what = f"{place} = {first.get('input')!r}: {first['msg']}" if place else first["msg"]
        raise ConfigError(
            f"model {name!r}: {what}",
            fix=f"correct the entry in {path}",
        ) from error
