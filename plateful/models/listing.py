"""What the catalog holds, for people and programs: a row per served name, and everything about one."""

import os
from pathlib import Path
from typing import Any

from plateful.errors import ConfigError, ModelError, StoreError
from plateful.models.capabilities import Capability, Choice, Span, Switch, sides
from plateful.models.catalog import CatalogEntry, Price, served_names
from plateful.models.versions import model_version
from plateful.models.weight_root import WeightRoot, weight_place

# Which of these a model takes decides what it can be used for; every model takes the rest in some form.
_NUMBERS = {"size": "px", "steps": "steps", "cfg_scale": "cfg"}
_SHORT = {
    "negative_prompt": "negative",
    "init_image": "init",
    "mask": "mask",
    "reference_image": "reference",
    "seed": "seed",
}


def model_rows(catalog: dict[str, CatalogEntry]) -> list[dict[str, Any]]:
    """Return one row per served name, in catalog order, with the capabilities of its profile."""
    return [
        {
            "name": name,
            "provider": entry.provider,
            "licence": entry.licence.name,
            "commercial_use": entry.licence.allowed,
            "status": entry.status,
            "tier": entry.tier,
            "profile": profile,
            "default_profile": entry.profile,
            "price": price_row(entry.price),
            "gpu_memory_gib": entry.gpu_memory_gib,
            "capabilities": _dumped(entry.capabilities_of(profile)),
        }
        for name, (entry, profile) in served_names(catalog).items()
    ]


def model_details(name: str, catalog: dict[str, CatalogEntry], weights_root: WeightRoot) -> dict[str, Any]:
    """Return everything about a served name's entry: JSON values, nested by topic.

    Args:
        name: catalog id, or `<id>-<profile>`.
        catalog: id -> entry.
        weights_root: where sets of weights are; this one is hashed again, which takes seconds per GB, and
            first fetched if it is in a bucket.

    Raises:
        ConfigError: the name is not in the catalog.
    """
    names = served_names(catalog)
    if name not in names:
        raise ConfigError(f"model {name!r} is not in the catalog", fix=f"use one of {', '.join(names)}")
    entry, profile = names[name]
    return {
        "name": name,
        "id": entry.id,
        "provider": entry.provider,
        "family": entry.family,
        "status": entry.status,
        "tier": entry.tier,
        "licence": entry.licence.model_dump() | {"gate": _gate(entry)},
        "price": price_row(entry.price),
        "gpu_memory_gib": entry.gpu_memory_gib,
        "profile": profile,
        "default_profile": entry.profile,
        "tiers": dict(entry.tiers),
        "profiles": {
            each: {"served_as": entry.served_name(each)} | run.model_dump(exclude={"name"}, exclude_none=True)
            for each, run in entry.profiles.items()
        },
        "capabilities": _dumped(entry.capabilities_of(profile)),
        "narrowed": {each: _dumped(narrowed) for each, narrowed in entry.narrowed.items()},
        "defaults": entry.default_parameters(profile),
        "applications": {each: dict(own) for each, own in entry.applications.items()},
        "weights": _weights(entry, profile, weights_root),
        "endpoint": _endpoint(entry),
    }


def brief(capabilities: dict[str, Capability]) -> str:
    """Say in one line what tells models apart, e.g. `512-768 px, 10-100 steps, cfg 1-20, init, mask`."""
    ranges = [_range(name, capabilities[name]) for name in _NUMBERS if name in capabilities]
    taken = [short for name, short in _SHORT.items() if _is_taken(capabilities.get(name))]
    adapters = capabilities.get("adapters")
    return ", ".join([*ranges, *taken, *(map(str, adapters.values) if isinstance(adapters, Choice) else ())])


def capability_text(capability: Capability) -> str:
    """Say one capability: `10 to 100`, `512, 640`, `yes`, `no`, with what emulates it."""
    if isinstance(capability, Choice):
        text = ", ".join(map(str, capability.values))
    elif isinstance(capability, Span):
        step = f" in steps of {capability.step:g}" if capability.step else ""
        text = f"{capability.low:g} to {capability.high:g}{step}"
    else:
        text = "yes" if capability.supported else "no"
    return text + (f", said in the {capability.emulated_by}" if capability.emulated_by else "")


def price_row(price: Price) -> dict[str, float]:
    """Return a price as JSON numbers, in USD."""
    return {name: float(value) for name, value in price.model_dump(exclude_none=True).items()}


def price_text(price: Price) -> str:
    """Say a price with its units."""
    parts = [] if price.per_image is None else [f"{price.per_image:f} USD/image"]
    parts += [] if price.per_second is None else [f"{price.per_second * 3600:.2f} USD/h"]
    return " + ".join(parts)


def _range(name: str, capability: Capability) -> str:
    if isinstance(capability, Span):
        low, high = capability.low, capability.high
    elif isinstance(capability, Choice):
        numbers = [side for v in capability.values for side in (sides(v) if name == "size" else (float(v),))]
        low, high = min(numbers), max(numbers)
    else:
        return f"{name} {'free' if capability.supported else 'fixed'}"
    text = f"{low:g}" if low == high else f"{low:g}-{high:g}"
    return f"cfg {text}" if name == "cfg_scale" else f"{text} {_NUMBERS[name]}"


def _is_taken(capability: Capability | None) -> bool:
    return capability is not None and (not isinstance(capability, Switch) or capability.supported)


def _dumped(capabilities: dict[str, Capability]) -> dict[str, Any]:
    return {name: each.model_dump(exclude_none=True) for name, each in capabilities.items()}


def _gate(entry: CatalogEntry) -> str:
    if entry.licence.commercial_use:
        return "open: commercial use is allowed"
    if entry.licence.waiver:
        return f"open: waived ({entry.licence.waiver})"
    return "closed: commercial use is neither allowed nor waived"


def _weights(entry: CatalogEntry, profile: str, weights_root: WeightRoot) -> dict[str, Any] | None:
    """Where weights come from, whether they are here, and whether every file is the recorded one."""
    if entry.weights is None:
        return None
    place = weight_place(weights_root, entry.weights.folder, entry.weights.s3)
    state: dict[str, Any] = {
        "folder": place,
        **entry.weights.model_dump(exclude={"folder"}, exclude_none=True),
        "present": not isinstance(weights_root, Path) or Path(place).is_dir(),
        "verified": False,
    }
    try:
        version = model_version(entry, weights_root, entry.profiles[profile])
    except (ModelError, StoreError) as error:
        return state | {"problem": error.message, "fix": error.fix}
    return state | {"verified": True, "model_version": version.digest}


def _endpoint(entry: CatalogEntry) -> dict[str, Any] | None:
    if entry.endpoint is None:
        return None
    return entry.endpoint.model_dump() | {"key_is_set": bool(os.environ.get(entry.endpoint.key))}
