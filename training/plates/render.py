"""From a plate to its picture, masks and box."""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context

import cv2
import numpy as np

from training.plates import bakery, bowls, defects, grill, handheld, small_plates, sweets
from training.plates.canvas import Canvas
from training.plates.geometry import View
from training.plates.intruders import OBJECTS
from training.plates.layout import scatter
from training.plates.plate import Plate, sample_plate
from training.plates.scene import paint_background, paint_steam
from training.plates.vessels import paint_vessel
from training.plates.vocabulary import ARCHETYPES

_MODULES = (bakery, bowls, grill, handheld, small_plates, sweets)
DRAWERS = {
    name: next(getattr(m, f"draw_{name}") for m in _MODULES if hasattr(m, f"draw_{name}"))
    for name in ARCHETYPES
}
# Shadow strength, gloss, contrast gain, channel gains: what the words warm, daylight and soft mean.
_LIGHTINGS = {
    "warm": (1.05, 1.0, 1.02, (1.035, 0.975, 0.875)),
    "daylight": (1.15, 1.15, 1.04, (0.975, 0.995, 1.03)),
    "soft": (0.7, 0.65, 0.93, (1.0, 0.995, 0.985)),
}
# How far the vessel reaches below its rim's plane, and the radius it stands on.
_STANDS = {
    "white cup": (0.5, 1.0),
    "clay cup": (0.5, 1.0),
    "glass cup": (0.55, 0.85),
    "bamboo steamer": (0.34, 1.0),
    "white bowl": (0.62, 0.42),
    "dark bowl": (0.62, 0.42),
    "clay bowl": (0.62, 0.42),
    "glass": (0.0, 0.5),
}


@dataclass(frozen=True)
class Rendered:
    """image uint8 (size, size, 3) RGB; masks bool (size, size); box (x0, y0, x1, y1) of both, in 0..1."""

    image: np.ndarray
    food_mask: np.ndarray
    vessel_mask: np.ndarray
    box: tuple[float, float, float, float]
    plate: Plate


def _view(plate: Plate, size: int, rng: np.random.Generator) -> View:
    """Camera for this plate: the subject's whole height is centred, with margins of about a tenth."""
    top = plate.camera == "top"
    # What is tall is recognised by its side: stacks are seen a little lower than flat dishes.
    tall = ARCHETYPES[plate.archetype].height > 0.5
    squash = rng.uniform(
        *((0.80, 0.87) if tall else (0.93, 1.0)) if top else ((0.48, 0.55) if tall else (0.62, 0.70))
    )
    leap = (0.55 if tall else 0.34) if top else float(np.sqrt(1 - squash**2)) * 0.95
    up, (low, foot) = ARCHETYPES[plate.archetype].height, _STANDS.get(plate.vessel, (0.1, 0.6))
    reach, rim = {"glass": (0.56, 0.56), "glass cup": (0.85, 0.68)}.get(
        plate.vessel, (1.0, 0.62 if "cup" in plate.vessel else 1.0)
    )
    above = max(squash * rim, squash * foot - low * leap, up * leap + 0.45 * squash * reach)
    below = max(squash * rim, squash * foot + low * leap)
    span = max(
        2.0
        * (
            1.06
            if plate.vessel in ("paper sheet", "banana leaf")
            else 1.12
            if plate.vessel == "iron pan"
            else 1.0
        )
        * (reach + 0.1 * (reach < 1)),
        above + below,
    )
    frame = defects.framing(plate.defects, rng)
    radius = size * rng.uniform(0.76, 0.83) / span * frame.scale
    shadow, gloss, *_ = _LIGHTINGS[plate.lighting]
    side = -1 if rng.random() < 0.7 else 1
    angle = rng.uniform(0.55, 1.05)
    return View(
        centre=(
            size * (0.5 + rng.uniform(-0.015, 0.015) + frame.dx)
            - 0.11 * radius * (plate.vessel == "iron pan"),
            size * (0.5 + rng.uniform(-0.015, 0.01) + frame.dy) + radius * (above - below) / 2,
        ),
        radius=radius,
        squash=float(squash),
        lift=float(radius * leap),
        light=(side * float(np.cos(angle)), -float(np.sin(angle))),
        shadow=shadow,
        gloss=gloss,
    )


def _grade(image: np.ndarray, lighting: str) -> np.ndarray:
    """White balance, contrast about the middle, and a light bloom around highlights."""
    *_, contrast, gains = _LIGHTINGS[lighting]
    table = (np.arange(256, dtype=np.float32) - 118) * contrast + 120
    lut = np.clip(table[:, None] * np.array(gains, np.float32), 0, 255).astype(np.uint8)
    graded = cv2.LUT(image, lut[None])
    small = cv2.resize(graded, (64, 64), interpolation=cv2.INTER_AREA)
    glow = cv2.GaussianBlur(cv2.subtract(small, np.full_like(small, 215)), (0, 0), 3)
    return cv2.add(graded, cv2.convertScaleAbs(cv2.resize(glow, image.shape[1::-1]), alpha=0.45))


def _focus(c: Canvas) -> None:
    """Depth of field at an angle: what is much nearer or farther than the dish's middle goes soft."""
    soft = cv2.blur(c.rgb, (5, 5))
    y = np.abs(np.linspace(-1, 1, c.size, dtype=np.float32) - 0.12)
    weight = np.clip((y - 0.55) * 2.2, 0, 0.85)[:, None, None]
    rows = np.flatnonzero(weight[:, 0, 0] > 0.02)
    c.rgb[rows] = c.rgb[rows] + (soft[rows].astype(np.float32) - c.rgb[rows]) * weight[rows]


def _dress(c: Canvas, plate: Plate, rng: np.random.Generator) -> None:
    strengths = dict(plate.defects)
    shown = plate
    if "wrong_ingredient" in strengths:
        shown = _swapped(plate, rng)
    DRAWERS[plate.archetype](c, shown)
    if plate.garnish is not None:
        scatter(
            c,
            (plate.garnish,),
            c.bed * 0.45,
            h=0.08 + ARCHETYPES[plate.archetype].height * 0.5,
            share=0.6,
            scale=0.9,
        )
    c.into = None
    if not c.top:
        _focus(c)
    if plate.steam:
        paint_steam(c, 0.42)
    for name, strength in plate.defects:
        if name in OBJECTS:
            OBJECTS[name](c, strength)


def _swapped(plate: Plate, rng: np.random.Generator) -> Plate:
    """The same plate with its last ingredient exchanged: the picture then contradicts the caption."""
    kind = ARCHETYPES[plate.archetype]
    last = plate.ingredients[-1]
    pool = (
        kind.exclusive if last in kind.exclusive else [i for i in kind.ingredients if i not in kind.exclusive]
    )
    others = [i for i in pool if i not in plate.ingredients]
    return replace(plate, ingredients=(*plate.ingredients[:-1], str(rng.choice(others))))


def _draw(plate: Plate, size: int) -> Canvas:
    view = _view(plate, size, np.random.default_rng([plate.seed, 1]))
    c = Canvas(size, view, np.random.default_rng([plate.seed, 2]))
    paint_background(c, plate.background)
    c.rng = np.random.default_rng([plate.seed, 3])
    paint_vessel(c, plate.vessel)
    c.rng = np.random.default_rng([plate.seed, 4])
    _dress(c, plate, np.random.default_rng([plate.seed, 5]))
    c.rgb = _grade(c.rgb, plate.lighting)
    return c


def _cropped(c: Canvas, strength: float, rng: np.random.Generator) -> None:
    keep = 0.72 - 0.27 * strength
    n = int(c.size * keep)
    x, y = (int(f) * (c.size - n) for f in (rng.integers(2), rng.integers(2)))
    for name in ("rgb", "food", "vessel"):
        part = getattr(c, name)[y : y + n, x : x + n]
        setattr(c, name, cv2.resize(part, (c.size, c.size), interpolation=cv2.INTER_LINEAR))


def _collaged(c: Canvas, strength: float, rng: np.random.Generator) -> None:
    """Two or four pictures in one: the plate is the first, strangers fill the rest."""
    half = c.size // 2
    tiles = 2 if strength < 0.5 else 4
    spots = [(0, 0), (0, half), (half, 0), (half, half)] if tiles == 4 else [(0, 0), (0, half)]
    pictures = [(c.rgb, c.food, c.vessel)]
    for _ in spots[1:]:
        other = _draw(sample_plate(int(rng.integers(2**31))), c.size)
        pictures.append((other.rgb, other.food * 0, other.vessel * 0))
    for i, name in enumerate(("rgb", "food", "vessel")):
        out = np.zeros_like(getattr(c, name))
        for (y, x), picture in zip(spots, pictures, strict=True):
            quarter = c.size // 4
            source = picture[i] if tiles == 4 else picture[i][:, quarter : quarter + half]
            tall = half if tiles == 4 else c.size
            out[y : y + tall, x : x + half] = cv2.resize(source, (half, tall), interpolation=cv2.INTER_AREA)
        setattr(c, name, out)
    cv2.line(c.rgb, (half, 0), (half, c.size), (255, 255, 255), 4)
    if tiles == 4:
        cv2.line(c.rgb, (0, half), (c.size, half), (255, 255, 255), 4)


def _box(mask: np.ndarray) -> tuple[float, float, float, float]:
    ys, xs = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(ys):
        return 0.0, 0.0, 1.0, 1.0
    h, w = mask.shape
    return float(xs[0]) / w, float(ys[0]) / h, float(xs[-1] + 1) / w, float(ys[-1] + 1) / h


def render(plate: Plate, size: int = 128) -> Rendered:
    """Draw a plate at twice the size (at least 256 px) and sample it down; deterministic in its arguments."""
    c = _draw(plate, max(256, 2 * size))
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
    return Rendered(image, food, vessel, _box(food | vessel), plate)


def _single_threaded() -> None:
    cv2.setNumThreads(1)


def render_batch(plates: Sequence[Plate], size: int = 128, processes: int = 1) -> list[Rendered]:
    """Render in order; with processes > 1 in a pool (worth it from some hundred plates on)."""
    if processes <= 1:
        return [render(plate, size) for plate in plates]
    # A forked child of a process with running OpenCV or torch threads hangs: spawn.
    context = get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_single_threaded) as pool:
        return list(pool.map(partial(render, size=size), plates, chunksize=32))
