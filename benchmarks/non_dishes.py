"""Pictures that vendors upload in place of a dish: logos, notices, storefronts, people, pets, empty tables.

Drawn by seed, for the rate at which masks refuse them; nothing trains on them.
"""

from collections.abc import Callable

import cv2
import numpy as np

from training.plates import BACKGROUNDS, sample_plate
from training.plates.camera import view
from training.plates.canvas import Canvas
from training.plates.intruders import OBJECTS
from training.plates.scene import paint_background

SIZE = 256
_NAMES = ("GOLDEN WOK", "Casa Lina", "KEBAB 61", "Tea & Co", "NOODLE BAR", "La Piazza")
_NOTICES = (
    "Opening hours",
    "Mon - Sun 11-22",
    "Free delivery",
    "Call 555 0142",
    "Cash only",
    "New menu soon",
)


def _colour(rng: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in rng.integers(20, 236, 3))
    return red, green, blue


def _scene(rng: np.random.Generator, intruder: str | None) -> np.ndarray:
    """A table without a dish, and what stands or lies on it."""
    plate = sample_plate(int(rng.integers(2**31)))
    c = Canvas(2 * SIZE, view(plate, 2 * SIZE, rng), rng)
    paint_background(c, str(rng.choice(BACKGROUNDS)))
    if intruder:
        OBJECTS[intruder](c, 0.9)
    return cv2.resize(c.rgb, (SIZE, SIZE), interpolation=cv2.INTER_AREA)


def _logo(rng: np.random.Generator) -> np.ndarray:
    image = np.full((SIZE, SIZE, 3), _colour(rng), np.uint8)
    reach = int(rng.integers(60, 105))
    if rng.random() < 0.5:
        cv2.circle(image, (SIZE // 2, SIZE // 2), reach, _colour(rng), -1, cv2.LINE_AA)
    else:
        corner = SIZE // 2 - reach, SIZE // 2 - reach // 2
        cv2.rectangle(image, corner, (SIZE - corner[0], SIZE - corner[1]), _colour(rng), -1)
    _write(image, str(rng.choice(_NAMES)), SIZE // 2, 0.9, _colour(rng))
    return image


def _notice(rng: np.random.Generator) -> np.ndarray:
    image = np.full((SIZE, SIZE, 3), 255 - rng.integers(0, 40, 3), np.uint8)
    for line, words in enumerate(rng.permutation(_NOTICES)[: int(rng.integers(3, 6))]):
        _write(image, str(words), 50 + 40 * line, float(rng.uniform(0.5, 0.9)), _colour(rng))
    return image


def _storefront(rng: np.random.Generator) -> np.ndarray:
    wall, awning, glass = (_colour(rng) for _ in range(3))
    image = np.full((SIZE, SIZE, 3), wall, np.uint8)
    noise = rng.normal(0, 8, (SIZE // 4, SIZE // 4, 1)).repeat(3, 2)
    image = np.clip(image + cv2.resize(noise, (SIZE, SIZE)), 0, 255).astype(np.uint8)
    cv2.rectangle(image, (0, 215), (SIZE, SIZE), (120, 118, 116), -1)
    cv2.rectangle(image, (18, 110), (150, 210), glass, -1)
    cv2.rectangle(image, (18, 110), (150, 210), (50, 48, 46), 3)
    cv2.rectangle(image, (172, 100), (232, 215), (70, 52, 40), -1)
    for left in range(0, SIZE, 32):
        stripe = awning if left % 64 else (244, 242, 238)
        cv2.rectangle(image, (left, 70), (left + 31, 100), stripe, -1)
    cv2.rectangle(image, (10, 18), (SIZE - 10, 62), _colour(rng), -1)
    _write(image, str(rng.choice(_NAMES)), 40, 0.9, (250, 248, 240))
    return image


def _write(image: np.ndarray, words: str, middle: int, scale: float, ink: tuple[int, int, int]) -> None:
    (width, height), _ = cv2.getTextSize(words, cv2.FONT_HERSHEY_DUPLEX, scale, 2)
    scale = min(scale, scale * (SIZE - 30) / width)
    (width, height), _ = cv2.getTextSize(words, cv2.FONT_HERSHEY_DUPLEX, scale, 2)
    place = (SIZE - width) // 2, middle + height // 2
    cv2.putText(image, words, place, cv2.FONT_HERSHEY_DUPLEX, scale, ink, 2, cv2.LINE_AA)


NON_DISHES: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "logo": _logo,
    "notice": _notice,
    "storefront": _storefront,
    "person": lambda rng: _scene(rng, "person"),
    "creature": lambda rng: _scene(rng, "creature"),
    "empty table": lambda rng: _scene(rng, None),
}


def draw(kind: str, seed: int) -> np.ndarray:
    """Draw one picture without a dish, uint8 RGB (256, 256, 3); deterministic."""
    return NON_DISHES[kind](np.random.default_rng([seed, list(NON_DISHES).index(kind)]))
