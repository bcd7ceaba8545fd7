"""Requested parameters -> what the model really gets, with a receipt line for each.

A receipt line is {requested, effective, status}. Statuses: honoured, clamped (to the nearest value that the
model takes), emulated (reached by other means), dropped, default (not asked for). Nothing vanishes silently.
"""

from collections.abc import Mapping
from typing import Any

from plateful.errors import ConfigError
from plateful.models.catalog import CatalogEntry, Choice, Span
from plateful.models.profile import ServingProfile

Receipt = dict[str, dict[str, Any]]

# Parameters that every render has; `strength` only where there is an image to start from.
RENDERED = ("size", "steps", "cfg_scale")


def effective_parameters(
    requested: Mapping[str, Any], entry: CatalogEntry, *, prompt: str, inpaint: bool
) -> tuple[dict[str, Any], Receipt]:
    """Return (effective parameters, receipt) of one request.

    Args:
        requested: parameters of the request; None counts as not asked for.
        entry: catalog entry of the model.
        prompt: the prompt; a style that its words already carry counts as emulated.
        inpaint: whether there is an init image and a mask.

    Raises:
        ConfigError: a number was expected and something else came.
    """
    asked = {name: value for name, value in requested.items() if value is not None}
    wanted = (*RENDERED, "strength") if inpaint else RENDERED
    effective: dict[str, Any] = {}
    receipt: Receipt = {}
    for name in wanted:
        value = asked.pop(name, None)
        effective[name], receipt[name] = _fit(name, value, entry)
    for name, value in asked.items():
        carried = name == "style" and str(value).lower() in prompt.lower()
        receipt[name] = _line(value, value if carried else None, "emulated" if carried else "dropped")
    return effective, receipt


def default_parameters(profile: ServingProfile) -> dict[str, Any]:
    """Return the effective parameters of a request that asks for nothing."""
    return {"size": profile.size, "steps": profile.steps, "cfg_scale": profile.cfg_scale}


def _fit(name: str, value: Any, entry: CatalogEntry) -> tuple[Any, dict[str, Any]]:  # noqa: ANN401 - any JSON value
    capability = entry.capabilities[name]
    if value is None:
        effective = _typed(name, default_parameters(entry.profile).get(name, entry.defaults.get(name)))
        return effective, _line(None, effective, "default")
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ConfigError(f"parameter {name!r} = {value!r} is not a number", fix="give a number")
    if isinstance(capability, Span):
        nearest = min(max(value, capability.low), capability.high)
    elif isinstance(capability, Choice):
        nearest = min((v for v in capability.values if not isinstance(v, str)), key=lambda v: abs(v - value))
    else:
        raise ConfigError(
            f"parameter {name!r} of model {entry.id!r} has no values", fix="give it an enum or a range"
        )
    effective = _typed(name, nearest)
    return effective, _line(value, effective, "honoured" if effective == value else "clamped")


def _typed(name: str, value: Any) -> int | float:  # noqa: ANN401 - any JSON number
    """One JSON form per value, because it is hashed: whole numbers for counts, floats for the rest."""
    return round(value) if name in ("size", "steps") else float(value)


def _line(requested: Any, effective: Any, status: str) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
    return {"requested": requested, "effective": effective, "status": status}
