"""From a plate to its picture, masks and box."""

import itertools
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from training.plates import (
    bakery,
    bowls,
    contradictions,
    defects,
    fishmonger,
    grill,
    handheld,
    local_dishes,
    small_plates,
    sweets,
)
from training.plates.camera import focus, grade, view
from training.plates.canvas import Canvas
from training.plates.instances import Instance, Labels, box_of
from training.plates.intruders import OBJECTS
from training.plates.layout import scatter
from training.plates.plate import Plate, held_out, sample_plate
from training.plates.scene import paint_background, paint_steam
from training.plates.vessels import paint_vessel
from training.plates.vocabulary import EVERY_ARCHETYPE

_MODULES = (bakery, bowls, fishmonger, grill, handheld, local_dishes, small_plates, sweets)
DRAWERS = {
    name: next(getattr(m, f"draw_{name}") for m in _MODULES if hasattr(m, f"draw_{name}"))
    for name in EVERY_ARCHETYPE
}


@dataclass(frozen=True)
class Rendered:
    """image uint8 (size, size, 3) RGB; masks bool (size, size); box (x0, y0, x1, y1) of both, in 0..1.

    `instances` is empty unless render was asked for them.
    """

    image: np.ndarray
    food_mask: np.ndarray
    vessel_mask: np.ndarray
    box: tuple[float, float, float, float]
    plate: Plate
    instances: tuple[Instance, ...] = ()


def _dress(c: Canvas, plate: Plate, rng: np.random.Generator) -> None:
    with c.showing(plate.archetype, "food"):
        shown = contradictions.shown(plate, rng)
        DRAWERS[plate.archetype](c, shown)
    if c.labels is not None:
        exclusive = EVERY_ARCHETYPE[plate.archetype].exclusive
        c.labels.base = tuple(i for i in shown.ingredients if i in exclusive)
    if plate.garnish is not None:
        scatter(
            c,
            (plate.garnish,),
            c.bed * 0.45,
            h=0.08 + EVERY_ARCHETYPE[plate.archetype].height * 0.5,
            share=0.6,
            scale=0.9,
        )
    c.into = None
    if not c.top:
        focus(c)
    if plate.steam:
        paint_steam(c, 0.42)
    for name, strength in plate.defects:
        if name in OBJECTS:
            _intrude(c, name, strength)


def _intrude(c: Canvas, name: str, strength: float) -> None:
    if c.labels is None:
        OBJECTS[name](c, strength)
        return
    before, c.into = c.rgb.copy(), np.zeros_like(c.food)
    with c.showing(name, "intruder"):
        OBJECTS[name](c, strength)
        if not c.into.any():
            # Text and logos are written past the canvas's shapes and cast no shadow: what changed is theirs.
            c.labels.map[(c.rgb != before).any(2)] = c.part
    c.into = None


def _draw(plate: Plate, size: int, instances: bool = False) -> Canvas:
    seen = view(plate, size, np.random.default_rng([plate.seed, 1]))
    c = Canvas(size, seen, np.random.default_rng([plate.seed, 2]))
    c.labels = Labels(size) if instances else None
    paint_background(c, plate.background)
    c.rng = np.random.default_rng([plate.seed, 3])
    with c.showing(plate.vessel, "vessel", shared=True):
        paint_vessel(c, plate.vessel)
    c.rng = np.random.default_rng([plate.seed, 4])
    _dress(c, plate, np.random.default_rng([plate.seed, 5]))
    c.rgb = grade(c.rgb, plate.lighting)
    return c


def _cropped(c: Canvas, strength: float, rng: np.random.Generator) -> None:
    keep = 0.72 - 0.27 * strength
    n = int(c.size * keep)
    x, y = (int(f) * (c.size - n) for f in (rng.integers(2), rng.integers(2)))
    for name in ("rgb", "food", "vessel"):
        part = getattr(c, name)[y : y + n, x : x + n]
        setattr(c, name, cv2.resize(part, (c.size, c.size), interpolation=cv2.INTER_LINEAR))
    if c.labels is not None:
        cut = c.labels.map[y : y + n, x : x + n]
        c.labels.map = cv2.resize(cut, (c.size, c.size), interpolation=cv2.INTER_NEAREST)


def _collaged(c: Canvas, strength: float, rng: np.random.Generator) -> None:
    """Two or four pictures in one: the plate is the first, strangers fill the rest."""
    half = c.size // 2
    tiles = 2 if strength < 0.5 else 4
    spots = [(0, 0), (0, half), (half, 0), (half, half)] if tiles == 4 else [(0, 0), (0, half)]
    pictures = [(c.rgb, c.food, c.vessel)]
    for _ in spots[1:]:
        # A stranger must not show what pretraining never sees.
        strangers = (sample_plate(int(rng.integers(2**31))) for _ in itertools.count())
        other = _draw(next(plate for plate in strangers if not held_out(plate)), c.size)
        pictures.append((other.rgb, other.food * 0, other.vessel * 0))
    quarter, tall = c.size // 4, half if tiles == 4 else c.size
    for i, name in enumerate(("rgb", "food", "vessel")):
        out = np.zeros_like(getattr(c, name))
        for (y, x), picture in zip(spots, pictures, strict=True):
            source = picture[i] if tiles == 4 else picture[i][:, quarter : quarter + half]
            out[y : y + tall, x : x + half] = cv2.resize(source, (half, tall), interpolation=cv2.INTER_AREA)
        setattr(c, name, out)
    if c.labels is not None:
        own = c.labels.map if tiles == 4 else c.labels.map[:, quarter : quarter + half]
        c.labels.map = np.zeros_like(c.labels.map)
        c.labels.map[:tall, :half] = cv2.resize(own, (half, tall), interpolation=cv2.INTER_NEAREST)
    cv2.line(c.rgb, (half, 0), (half, c.size), (255, 255, 255), 4)
    if tiles == 4:
        cv2.line(c.rgb, (0, half), (c.size, half), (255, 255, 255), 4)


def render(plate: Plate, size: int = 128, *, instances: bool = False) -> Rendered:
    """Draw a plate at twice the size (at least 256 px) and sample it down; deterministic in its arguments.

    With `instances` every ingredient, the vessel and every intruder get a mask; the picture stays the same.
    """
    c = _draw(plate, max(256, 2 * size), instances)
    rng = np.random.default_rng([plate.seed, 6])
    strengths = dict(plate.defects)
    if "crop" in strengths:
        _cropped(c, strengths["crop"], rng)
    if "collage" in strengths:
        _collaged(c, strengths["collage"], rng)
    shrink = partial(cv2.resize, dsize=(size, size), interpolation=cv2.INTER_AREA)
    image = shrink(c.rgb)
    for name, strength in plate.defects:
        if name in defects.PHOTO:
            image = defects.PHOTO[name](image, strength, rng)
    food = shrink(c.food) > 127
    vessel = (shrink(c.vessel) > 127) & ~food
    parts = c.labels.instances(size) if c.labels is not None else ()
    return Rendered(image, food, vessel, box_of(food | vessel), plate, parts)


def single_threaded() -> None:
    """Initializer of drawing processes: there is one a core, so more threads would only fight."""
    cv2.setNumThreads(1)
