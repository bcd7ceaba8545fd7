"""The words of the synthetic plates: archetypes (archetypes.yaml) and the attributes of a scene."""

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
)  # fmt: skip


@dataclass(frozen=True)
class Archetype:
    """One kind of dish; of its `exclusive` ingredients (meat, flavour) a plate carries exactly one."""

    name: str
    phrase: str
    menu_names: tuple[str, ...]
    ingredients: tuple[str, ...]
    vessels: tuple[str, ...]
    countable: bool = False
    exclusive: tuple[str, ...] = ()
    garnishes: tuple[str, ...] = ()
    steam: float = 0.0
    height: float = 0.1


def _load() -> dict[str, Archetype]:
    table = yaml.safe_load(Path(__file__).with_name("archetypes.yaml").read_text(encoding="utf-8"))
    made = {}
    for name, fields in table.items():
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()
        }
        made[name] = Archetype(name, **values)
    return made


ARCHETYPES: dict[str, Archetype] = _load()
