"""Synthetic plates: a seeded renderer of dishes with exact captions, masks and planted defects."""

from training.plates.captions import captions
from training.plates.plate import Plate, sample_plate
from training.plates.render import Rendered, render, render_batch
from training.plates.vocabulary import (
    ARCHETYPES,
    BACKGROUNDS,
    CAMERAS,
    DEFECTS,
    LIGHTINGS,
    VESSELS,
    Archetype,
)

__all__ = [
    "ARCHETYPES",
    "BACKGROUNDS",
    "CAMERAS",
    "DEFECTS",
    "LIGHTINGS",
    "VESSELS",
    "Archetype",
    "Plate",
    "Rendered",
    "captions",
    "render",
    "render_batch",
    "sample_plate",
]
