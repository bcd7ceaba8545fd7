"""The words of the synthetic plates: archetypes, held-out archetypes and the attributes of a scene.

Archetypes are listed in archetypes.yaml, those that pretraining never sees in held_out.yaml.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

BACKGROUNDS = ("wood", "marble", "slate", "linen", "warm neutral")
VESSELS = (
    "white plate", "dark plate", "blue plate", "white bowl", "dark bowl", "clay bowl", "wooden board",
    "banana leaf", "paper sheet", "metal tray", "iron pan", "bamboo steamer", "white cup", "clay cup",
    "glass", "glass cup",
)  # fmt: skip
CAMERAS = ("top", "three-quarter")
LIGHTINGS = ("warm", "daylight", "soft")
GARNISHES = ("mint", "coriander", "sesame", "spring onion", "chilli", "basil")
DEFECTS = (
    "text", "logo", "person", "hand", "creature", "crop", "off_centre", "tiny_subject", "huge_subject",
    "collage", "blur", "motion", "under_exposed", "over_exposed", "colour_cast", "wrong_ingredient",
    "missing_ingredient", "wrong_count",
)  # fmt: skip
# The picture breaks what its caption promises: evidence for gates, poison for training on captions.
CONTRADICTIONS = ("wrong_ingredient", "missing_ingredient", "wrong_count")


@dataclass(frozen=True)
class Archetype:
    """One kind of dish; of its `exclusive` ingredients (meat, flavour) a plate carries exactly one.

    `implicit` ingredients may be drawn unasked (a burger's beef), so they cannot be planted as missing.
    `portions` ingredients each take a piece of their own, a scoop a flavour.
    What is held out belongs to a `cuisine` or to a product `category`.
    """

    name: str
    phrase: str
    menu_names: tuple[str, ...]
    ingredients: tuple[str, ...]
    vessels: tuple[str, ...]
    countable: bool = False
    exclusive: tuple[str, ...] = ()
    implicit: tuple[str, ...] = ()
    portions: tuple[str, ...] = ()
    garnishes: tuple[str, ...] = ()
    steam: float = 0.0
    height: float = 0.1
    cuisine: str | None = None
    category: str | None = None


def _load(file: str) -> dict[str, Archetype]:
    table = yaml.safe_load(Path(__file__).with_name(file).read_text(encoding="utf-8"))
    made = {}
    for name, fields in table.items():
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()
        }
        made[name] = Archetype(name, **values)
    return made


ARCHETYPES: dict[str, Archetype] = _load("archetypes.yaml")
# Local cuisines and a category for fine-tuning to learn: drawn by name only.
HELD_OUT: dict[str, Archetype] = _load("held_out.yaml")
EVERY_ARCHETYPE: dict[str, Archetype] = ARCHETYPES | HELD_OUT
