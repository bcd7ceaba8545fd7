"""The thresholds of gates, quality and judge: one YAML file, a reason on every number.

A ramp turns a raw value into a score: 0.5 at `fail` (the gate: below 0.5 fails), 1 at `good`, straight
between and beyond, cut to [0, 1]. `good` may be the smaller one, for values of which less is better.
"""

from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from plateful.errors import ConfigError
from plateful.identity import content_hash

GATE = 0.5
_FILE = Path(__file__).with_name("thresholds.yaml")
Detector = Literal["face", "profile", "body", "cat"]
Sentence = Literal["person", "hand", "animal"]
Reason = Annotated[str, Field(min_length=15)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Ramp(_Strict):
    """A gate on one raw value."""

    fail: float
    good: float
    reason: Reason

    @model_validator(mode="after")
    def _differs(self) -> "Ramp":
        if self.fail == self.good:
            raise ValueError("fail and good must differ")
        return self

    def score(self, value: float) -> float:
        """Raw value -> 0..1, where 0.5 is the gate."""
        return min(1.0, max(0.0, GATE + GATE * (value - self.fail) / (self.good - self.fail)))


class Setting(_Strict):
    """One number that is no gate: a size, a weight, a floor."""

    value: float
    reason: Reason


class TextSettings(_Strict):
    """How text is looked for, and how sure one must be."""

    side: Setting
    min_detection: Setting
    letters: Setting
    letter_area: Setting
    line_aspect: Setting
    line: Setting
    evidence: Ramp


class PeopleSettings(_Strict):
    """Signals of people and creatures."""

    side: Setting
    person_detectors: dict[Detector, Ramp]
    person_sentences: dict[Sentence, Ramp]
    creature_detectors: dict[Detector, Ramp]
    creature_sentences: dict[Sentence, Ramp]
    uncorroborated: Setting

    @property
    def detectors(self) -> tuple[str, ...]:
        """The OpenCV detectors to run."""
        return (*self.person_detectors, *self.creature_detectors)


class QualityWeights(_Strict):
    """How much each score counts in `quality`."""

    position: Setting
    margins: Setting
    sharpness: Setting
    exposure: Setting
    contrast: Setting
    saturation: Setting


class QualitySettings(_Strict):
    """Composition and photographic measures."""

    offset: Ramp
    margin: Ramp
    smallest: Ramp
    sharpness: Ramp
    dim: Ramp
    glare: Ramp
    dark: Ramp
    bright: Ramp
    contrast: Ramp
    dull: Ramp
    garish: Ramp
    weights: QualityWeights


class Profile(_Strict):
    """Thresholds for one kind of picture."""

    text: TextSettings
    people: PeopleSettings
    quality: QualitySettings


class JudgeSettings(_Strict):
    """From which share of the positive answer a contract line counts as shown."""

    must_show: Setting
    must_not_show: Setting
    background: Setting


class DishSettings(_Strict):
    """When a vendor photo shows something else than a dish; people and creatures are the photo gates'."""

    text_share: Setting


class Thresholds(_Strict):
    """Everything that decides a verdict, by kind of picture."""

    candidate: Profile
    photo: Profile
    judge: JudgeSettings
    dish: DishSettings

    @property
    def digest(self) -> str:
        """Hash over the numbers; a reworded reason changes no verdict and no digest."""
        return content_hash([numbers(self.candidate), numbers(self.photo)])


def numbers(model: BaseModel) -> dict:
    """The model's values without the reasons."""
    return _without_reasons(model.model_dump(mode="json"))


def _without_reasons(value: dict) -> dict:
    return {k: _without_reasons(v) if isinstance(v, dict) else v for k, v in value.items() if k != "reason"}


@cache
def load_thresholds(path: Path = _FILE) -> Thresholds:
    """Read and check a thresholds file.

    Raises:
        ConfigError: a number or its reason is missing, unknown or malformed.
    """
    try:
        return Thresholds.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as fault:
        raise ConfigError(
            f"thresholds file {path.name}: {fault}", fix="give every threshold its numbers and a reason"
        ) from fault
