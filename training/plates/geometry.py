"""The camera of a plate and small geometry: colours between colours, even spreads, sub-pixel discs."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

RGB = tuple[int, int, int]


@dataclass(frozen=True)
class View:
    """Where the vessel stands and from where it is seen: pixels, except squash (1 = from straight above)."""

    centre: tuple[float, float]
    radius: float
    squash: float
    lift: float
    light: tuple[float, float]
    shadow: float
    gloss: float


def mix(a: Sequence[float], b: Sequence[float], t: float) -> RGB:
    """Colour between a (t = 0) and b (t = 1)."""
    return tuple(int(x + (y - x) * t) for x, y in zip(a, b, strict=True))  # type: ignore[return-value]


def sunflower(n: int, radius: float, turn: float = 0.0) -> np.ndarray:
    """N evenly spread (u, v) points in a disc, float (n, 2), ordered from the middle outwards."""
    i = np.arange(n)
    r = radius * np.sqrt((i + 0.5) / max(1, n))
    angle = i * 2.399963 + turn
    return np.stack([r * np.cos(angle), r * np.sin(angle)], 1)


def circle(image: np.ndarray, x: float, y: float, r: float, colour: Sequence[float] | int) -> None:
    """Sub-pixel antialiased disc in pixels."""
    cv2.circle(image, (round(x * 16), round(y * 16)), max(1, round(r * 16)), colour, -1, cv2.LINE_AA, 4)
