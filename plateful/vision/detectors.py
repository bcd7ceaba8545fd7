"""Which detector finds dishes: named profiles in detectors.yaml, and the one door that loads them."""

from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError

from plateful.errors import ConfigError
from plateful.models.weight_root import WeightRoot, weight_folder
from plateful.vision.masks import METHOD, DishDetector, SaliencyDetector

_FILE = Path(__file__).with_name("detectors.yaml")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SaliencyProfile(_Strict):
    """What differs from the picture's edge; nothing to set."""

    kind: Literal["saliency"]


class GroundingDinoProfile(_Strict):
    """A Grounding DINO folder below the weights, and what it is asked.

    threshold: least score of a box, 0..1. text_threshold: least score at which a phrase's words count.
    """

    kind: Literal["grounding_dino"]
    folder: str = Field(pattern=r"^[\w.-]+(/[\w.-]+)*$")
    phrases: tuple[Annotated[str, Field(pattern=r"^[a-z ]+$")], ...] = Field(min_length=1)
    threshold: float = Field(gt=0, lt=1)
    text_threshold: float = Field(gt=0, lt=1)


Profile = Annotated[SaliencyProfile | GroundingDinoProfile, Field(discriminator="kind")]


class _Profiles(RootModel[dict[str, Profile]]):
    pass


@cache
def load_profiles(path: Path = _FILE) -> dict[str, SaliencyProfile | GroundingDinoProfile]:
    """Read and check a detectors file.

    Raises:
        ConfigError: a field is missing, unknown or malformed.
    """
    try:
        return _Profiles.model_validate(yaml.safe_load(path.read_text("utf-8"))).root
    except (OSError, yaml.YAMLError, ValidationError) as fault:
        raise ConfigError(
            f"detectors file {path.name}: {fault}", fix="give every detector its kind and settings"
        ) from fault


def open_detector(name: str, weights_root: WeightRoot, profiles: Path = _FILE) -> DishDetector:
    """Return the loaded detector of a profile.

    Args:
        name: a key of the detectors file.
        weights_root: where sets of weights are, the profile's own folder among them.
        profiles: the detectors file.

    Raises:
        ConfigError: no such profile.
        ModelError: its weights are missing, altered, or in a refused format.
    """
    profile = _profile(name, profiles)
    if isinstance(profile, SaliencyProfile):
        return SaliencyDetector()
    from plateful.vision.grounding_dino import GroundingDinoDetector

    return GroundingDinoDetector.load(weight_folder(weights_root, profile.folder), profile)


def detector_method(name: str, weights_root: WeightRoot, profiles: Path = _FILE) -> str:
    """Return the name of a detector's masks without loading it; arguments and errors as `open_detector`."""
    profile = _profile(name, profiles)
    if isinstance(profile, SaliencyProfile):
        return METHOD
    from plateful.vision.grounding_dino import method

    return method(weight_folder(weights_root, profile.folder), profile)


def _profile(name: str, profiles: Path) -> SaliencyProfile | GroundingDinoProfile:
    known = load_profiles(profiles)
    if name not in known:
        raise ConfigError(
            f"detector {name!r} is not in {profiles.name}",
            fix=f"set PLATEFUL_DETECTOR to one of {', '.join(known)}",
        )
    return known[name]
