"""Synthetic plates: a seeded renderer of dishes with exact captions, masks and planted defects."""

from training.plates.banner import Banner, render_banner
from training.plates.captions import DEFECT_WORDS, captions, scene_caption
from training.plates.instances import Instance
from training.plates.plate import Plate, held_out, sample_plate
from training.plates.render import Rendered, render
from training.plates.vocabulary import (
    ARCHETYPES,
    BACKGROUNDS,
    CAMERAS,
    CONTRADICTIONS,
    DEFECTS,
    HELD_OUT,
    LIGHTINGS,
    VESSELS,
    Archetype,
)

__all__ = [
    "ARCHETYPES",
    "BACKGROUNDS",
    "CAMERAS",
    "CONTRADICTIONS",
    "DEFECTS",
    "DEFECT_WORDS",
    "HELD_OUT",
    "LIGHTINGS",
    "VESSELS",
    "Archetype",
    "Banner",
    "Instance",
    "Plate",
    "Rendered",
    "captions",
    "held_out",
    "render",
    "render_banner",
    "sample_plate",
    "scene_caption",
]
