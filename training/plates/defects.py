"""Planted defects with graded strength (0..1): what gates must find, with known truth.

Scene defects change where things stand, photo defects spoil the finished picture;
intruders.py adds what does not belong.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

SCENE = frozenset({"off_centre", "tiny_subject", "huge_subject"})


@dataclass(frozen=True)
class Framing:
    """Shift of the subject in picture widths and its scale."""

    dx: float = 0.0
    dy: float = 0.0
    scale: float = 1.0


def framing(defects: tuple[tuple[str, float], ...], rng: np.random.Generator) -> Framing:
    """Where scene defects put the subject; identity without any."""
    strengths = dict(defects)
    dx = dy = 0.0
    scale = 1.0
    if "off_centre" in strengths:
        angle, reach = rng.uniform(0, 6.283), 0.14 + 0.24 * strengths["off_centre"]
        dx, dy = reach * np.cos(angle), reach * np.sin(angle)
    if "tiny_subject" in strengths:
        scale *= 0.55 - 0.33 * strengths["tiny_subject"]
    if "huge_subject" in strengths:
        scale *= 1.45 + 0.9 * strengths["huge_subject"]
    return Framing(dx, dy, scale)


def _blur(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    del rng
    return cv2.GaussianBlur(image, (0, 0), image.shape[0] / 128 * (0.9 + 3.2 * strength))


def _motion(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    n = int(image.shape[0] / 128 * (5 + 16 * strength)) | 1
    kernel = np.zeros((n, n), np.float32)
    a = rng.uniform(0, np.pi)
    d = np.array([np.cos(a), np.sin(a)]) * (n // 2)
    p, q = (np.rint(n // 2 + sign * d).astype(int) for sign in (-1, 1))
    cv2.line(kernel, tuple(map(int, p)), tuple(map(int, q)), 1.0, 1)
    return cv2.filter2D(image, -1, kernel / kernel.sum())


def _under(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    del rng
    return cv2.convertScaleAbs(image, alpha=0.55 - 0.42 * strength)


def _over(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    del rng
    return cv2.convertScaleAbs(image, alpha=1.35 + 0.8 * strength, beta=20 + 60 * strength)


def _cast(image: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    gain = ((0.55, 1.0, 0.6), (0.6, 0.75, 1.25), (1.2, 0.55, 1.1), (1.3, 0.8, 0.35))[rng.integers(4)]
    return np.clip(image * (1 + (np.array(gain, np.float32) - 1) * (0.4 + 0.6 * strength)), 0, 255).astype(
        np.uint8
    )


PHOTO: dict[str, Callable[[np.ndarray, float, np.random.Generator], np.ndarray]] = {
    "blur": _blur,
    "motion": _motion,
    "under_exposed": _under,
    "over_exposed": _over,
    "colour_cast": _cast,
}
