"""The unified parameter protocol: what was asked -> what the model gets, with a receipt line for each.

A receipt line is {requested, effective, status} and, where it helps, {reason}. Nothing vanishes silently.

| status | meaning |
|---|---|
| honoured | the model gets what was asked |
| clamped | the nearest value that it takes |
| emulated | reached by other means, e.g. said in the prompt |
| dropped | the model cannot |
| default | not asked for |
| recorded | never meant for the model: it decides who pays and whose defaults apply |
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from plateful.errors import ConfigError
from plateful.models.capabilities import Choice, Span, Switch, canonical_size, nearest_size
from plateful.models.catalog import CatalogEntry

Receipt = dict[str, dict[str, Any]]

# Asked for or not, every render has these where the model knows them.
RENDERED = ("size", "steps", "cfg_scale")
WHOLE = ("size", "steps", "n")
NUMBERS = ("steps", "cfg_scale", "strength", "n")
TAKEN = ("negative_prompt", "seed", "init_image", "mask", "reference_image")
RECORDED = ("team", "application")
# Words that may end up inside a sentence of the prompt, where blanks around them have no place.
SPOKEN = ("style", "negative_prompt")
# What a strict request refuses.
CHANGED = ("clamped", "emulated", "dropped")


@dataclass(frozen=True)
class Translation:
    """Effective parameters and their receipt. `effective` holds only what the model is given."""

    effective: dict[str, Any]
    receipt: Receipt

    def strict(self) -> "Translation":
        """Return itself.

        Raises:
            ConfigError: a parameter was clamped, emulated or dropped; names each.
        """
        changed = {name: line for name, line in self.receipt.items() if line["status"] in CHANGED}
        if changed:
            texts = (
                f"{name} = {line['requested']!r} would be {line['status']}"
                + (f" to {line['effective']!r}" if line["status"] == "clamped" else "")
                for name, line in changed.items()
            )
            raise ConfigError(
                f"strict request: {'; '.join(texts)}", fix="change these parameters, or ask without strict"
            )
        return self


def translate(asked: Mapping[str, Any], entry: CatalogEntry, profile: str | None = None) -> Translation:
    """Translate unified parameters for one model; the one table for generating and for editing.

    Args:
        asked: parameter -> value (`ImageRequest.asked()`); None counts as not asked for.
        entry: catalog entry of the model.
        profile: name of its serving profile; None = its default one.

    Raises:
        ConfigError: a value has the wrong type, or a mask came without an init image.
    """
    wanted = {
        name: value.strip() if name in SPOKEN and isinstance(value, str) else value
        for name, value in asked.items()
        if value is not None
    }
    if "mask" in wanted and "init_image" not in wanted:
        raise ConfigError("a mask came without an init image", fix="give the picture that the mask is for")
    chosen = profile or entry.profile
    return _Translator(entry, chosen, wanted).run()


class _Translator:
    """One translation under way; `effective['prompt']` grows with what can only be said in words."""

    def __init__(self, entry: CatalogEntry, profile: str, asked: dict[str, Any]) -> None:
        self.entry, self.profile, self.asked = entry, profile, asked
        self.capabilities = entry.capabilities_of(profile)
        self.defaults = entry.default_parameters(profile, asked.get("application"))
        self.effective: dict[str, Any] = {}
        self.receipt: Receipt = {}

    def run(self) -> Translation:
        always = [name for name in RENDERED if name in self.capabilities]
        if "init_image" in self.asked and "strength" in self.capabilities:
            always.append("strength")
        first = [name for name in ("model", "prompt") if name in self.asked]
        for name in dict.fromkeys([*first, *always, *self.asked]):
            self._one(name, self.asked.get(name))
        return Translation(self.effective, self.receipt)

    def _one(self, name: str, value: Any) -> None:  # noqa: ANN401 - any JSON value
        if value is None:
            chosen = _typed(name, self.defaults[name])
            self._give(name, None, chosen, "default")
        elif name == "model":
            self.receipt[name] = _line(value, self.entry.served_name(self.profile), "honoured")
        elif name == "prompt":
            self._give(name, value, value, "honoured")
        elif name in RECORDED:
            self._record(name, value)
        elif name == "quality":
            self._quality(value)
        elif name == "strength" and "init_image" not in self.asked:
            self._drop(name, value, "there is no init image")
        elif name not in self.capabilities:
            self._drop(name, value)
        elif name == "style":
            self._style(str(value))
        elif name in TAKEN:
            self._take(name, value)
        else:
            self._fit(name, value)

    def _give(self, name: str, asked: Any, value: Any, status: str, reason: str | None = None) -> None:  # noqa: ANN401
        self.effective[name] = value
        self.receipt[name] = _line(asked, value, status, reason)

    def _drop(self, name: str, value: Any, reason: str | None = None) -> None:  # noqa: ANN401 - any JSON value
        self.receipt[name] = _line(value, None, "dropped", reason or f"{self.entry.id} has no such parameter")

    def _record(self, name: str, value: Any) -> None:  # noqa: ANN401 - any JSON value
        honoured = name == "application" and value in self.entry.applications
        self.receipt[name] = _line(value, value, "honoured" if honoured else "recorded")

    def _quality(self, value: Any) -> None:  # noqa: ANN401 - any JSON value
        """A tier is a serving profile of our own models, and a parameter of hosted ones."""
        tier = self.entry.tiers.get(value)
        if tier is None:
            self._drop("quality", value, f"{self.entry.id} has no {value} tier")
        elif "quality" in self.capabilities:
            self._give("quality", value, tier, "honoured")
        elif tier == self.profile:
            self.receipt["quality"] = _line(value, tier, "honoured")
        else:
            self._drop("quality", value, f"profile {self.profile!r} is asked for by name")

    def _style(self, value: str) -> None:
        capability = self.capabilities["style"]
        known = capability.values if isinstance(capability, Choice) else ()
        match = next((v for v in known if str(v).casefold() == value.casefold()), None)
        if match is not None or (isinstance(capability, Switch) and capability.supported):
            self._give("style", value, match if match is not None else value, "honoured")
        elif capability.emulated_by == "prompt":
            if value.lower() not in self._prompt.lower():
                self.effective["prompt"] = f"{self._prompt}, {value}"
            self.receipt["style"] = _line(value, value, "emulated", "said in the prompt")
        else:
            self._drop("style", value, f"{self.entry.id} knows {', '.join(map(str, known)) or 'no styles'}")

    def _take(self, name: str, value: Any) -> None:  # noqa: ANN401 - any JSON value
        capability = self.capabilities[name]
        if not isinstance(capability, Switch):
            raise _odd(self.entry, name, "boolean")
        if capability.supported:
            self._give(name, value, value, "honoured")
        elif capability.emulated_by == "prompt" and value:
            self.effective["prompt"] = f"{self._prompt.rstrip('. ')}. Do not show: {value}."
            self.receipt[name] = _line(value, value, "emulated", "said in the prompt")
        else:
            self._drop(name, value)

    def _fit(self, name: str, value: Any) -> None:  # noqa: ANN401 - any JSON value
        capability = self.capabilities[name]
        if isinstance(capability, Switch):
            raise _odd(self.entry, name, "enum or range")
        nearest = _nearest_size(capability, value) if name == "size" else _nearest(name, capability, value)
        asked = canonical_size(value) if name == "size" else value
        if isinstance(capability, Choice) and capability.approximate:
            self._give(name, value, nearest, "clamped", "its pictures are of about this size, and scaled")
        else:
            self._give(name, value, nearest, "honoured" if nearest == asked else "clamped")

    @property
    def _prompt(self) -> str:
        return self.effective.get("prompt", "")


def _nearest_size(capability: Choice | Span, value: Any) -> int | str:  # noqa: ANN401 - any JSON value
    try:
        if isinstance(capability, Choice):
            return nearest_size(value, capability.values)
        return capability.nearest_size(value)
    except ValueError as error:
        raise ConfigError(
            f"parameter 'size' = {value!r}: {error}", fix="write the side in px, or 1024x768"
        ) from None


def _nearest(name: str, capability: Choice | Span, value: Any) -> int | float:  # noqa: ANN401 - any JSON value
    if not isinstance(value, int | float) or isinstance(value, bool) or value != value:
        raise ConfigError(f"parameter {name!r} = {value!r} is not a number", fix="give a number")
    if isinstance(capability, Span):
        return _typed(name, capability.nearest(value))
    numbers = [v for v in capability.values if not isinstance(v, str)]
    return _typed(name, min(numbers, key=lambda v: abs(v - value)))


def _typed(name: str, value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """One JSON form per value, because it is hashed: whole numbers for counts, floats for the rest."""
    if isinstance(value, str):
        return value
    return round(value) if name in WHOLE else float(value)


def _odd(entry: CatalogEntry, name: str, kind: str) -> ConfigError:
    return ConfigError(
        f"model {entry.id!r}: capability {name!r} is of the wrong kind", fix=f"make it a {kind}"
    )


def _line(requested: Any, effective: Any, status: str, reason: str | None = None) -> dict[str, Any]:  # noqa: ANN401
    line = {"requested": requested, "effective": effective, "status": status}
    return line | ({"reason": reason} if reason else {})
