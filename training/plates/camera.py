"""The camera: where it stands, how much its focus takes in, and how the light is developed."""

import cv2
import numpy as np

from training.plates.canvas import Canvas
from training.plates.defects import framing
from training.plates.geometry import View
from training.plates.plate import Plate
from training.plates.vocabulary import EVERY_ARCHETYPE

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


def view(plate: Plate, size: int, rng: np.random.Generator) -> View:
    """Camera for this plate: the subject's whole height is centred, with margins of about a tenth."""
    top = plate.camera == "top"
    # What is tall is recognised by its side: stacks are seen a little lower than flat dishes.
    tall = EVERY_ARCHETYPE[plate.archetype].height > 0.5
    squash = rng.uniform(
        *((0.80, 0.87) if tall else (0.93, 1.0)) if top else ((0.48, 0.55) if tall else (0.62, 0.70))
    )
    leap = (0.55 if tall else 0.34) if top else float(np.sqrt(1 - squash**2)) * 0.95
    up, (low, foot) = EVERY_ARCHETYPE[plate.archetype].height, _STANDS.get(plate.vessel, (0.1, 0.6))
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
    frame = framing(plate.defects, rng)
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


def grade(image: np.ndarray, lighting: str) -> np.ndarray:
    """White balance, contrast about the middle, and a light bloom around highlights."""
    *_, contrast, gains = _LIGHTINGS[lighting]
    table = (np.arange(256, dtype=np.float32) - 118) * contrast + 120
    lut = np.clip(table[:, None] * np.array(gains, np.float32), 0, 255).astype(np.uint8)
    graded = cv2.LUT(image, lut[None])
    small = cv2.resize(graded, (64, 64), interpolation=cv2.INTER_AREA)
    glow = cv2.GaussianBlur(cv2.subtract(small, np.full_like(small, 215)), (0, 0), 3)
    return cv2.add(graded, cv2.convertScaleAbs(cv2.resize(glow, image.shape[1::-1]), alpha=0.45))


def focus(c: Canvas) -> None:
    """Depth of field at an angle: what is much nearer or farther than the dish's middle goes soft."""
    soft = cv2.blur(c.rgb, (5, 5))
    y = np.abs(np.linspace(-1, 1, c.size, dtype=np.float32) - 0.12)
    weight = np.clip((y - 0.55) * 2.2, 0, 0.85)[:, None, None]
    rows = np.flatnonzero(weight[:, 0, 0] > 0.02)
    c.rgb[rows] = c.rgb[rows] + (soft[rows].astype(np.float32) - c.rgb[rows]) * weight[rows]
