"""People and creatures: OpenCV's trained detectors and CLIP's zero-shot answer, as separate signals.

The OpenCV detectors were trained on photographs, tiny CLIP on illustrations: each is strong where the other is weak,
and scoring/ weighs them per kind of picture. Neither knows hands without a body; CLIP's sentences ask for them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from plateful.vision.clip import TinyClip

# What the picture may show (index 0..) against what it must not; the model's captions use the same words.
FOOD_TEXTS = ("a plate of food", "food in a bowl", "a drink in a glass", "food on a table")
PERSON_TEXTS = ("a person", "a person next to the food", "a hand", "a hand over the food")
CREATURE_TEXTS = ("an animal", "an insect", "a cat", "a fly on the food")
_CASCADES = {
    "face": "haarcascade_frontalface_alt2.xml",
    "profile": "haarcascade_profileface.xml",
    "cat": "haarcascade_frontalcatface_extended.xml",
}


@dataclass(frozen=True)
class Detections:
    """Strength of the strongest hit per detector, 0 when none: neighbours for Haar, SVM margin for HOG."""

    face: float
    profile: float
    cat: float
    body: float


def detect(array: np.ndarray, *, side: int) -> Detections:
    """Run the OpenCV detectors on one uint8 RGB picture, scaled to `side` pixels on its long side."""
    scale = side / max(array.shape[:2])
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    grey = cv2.cvtColor(cv2.resize(array, None, fx=scale, fy=scale, interpolation=interpolation), cv2.COLOR_RGB2GRAY)
    equal = cv2.equalizeHist(grey)
    return Detections(
        face=_haar("face", equal), profile=_haar("profile", equal), cat=_haar("cat", equal), body=_body(grey)
    )


def clip_signals(clip: TinyClip, embeddings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """CLIP's answer -> share of 'a person' and share of 'a creature', float (n,) each, in [0, 1]."""
    answers = clip.zero_shot(None, (*FOOD_TEXTS, *PERSON_TEXTS, *CREATURE_TEXTS), embeddings=embeddings)
    food, person = len(FOOD_TEXTS), len(FOOD_TEXTS) + len(PERSON_TEXTS)
    return answers[:, food:person].sum(1), answers[:, person:].sum(1)


def _haar(name: str, grey: np.ndarray) -> float:
    # Windows under a tenth of the picture are textures of food far more often than faces.
    smallest = max(24, min(grey.shape) // 8)
    _, _, weights = _cascade(name).detectMultiScale3(
        grey, scaleFactor=1.12, minNeighbors=2, minSize=(smallest, smallest), outputRejectLevels=True
    )
    return _strongest(weights)


def _body(grey: np.ndarray) -> float:
    if grey.shape[0] < 128 or grey.shape[1] < 64:
        return 0.0
    _, weights = _hog().detectMultiScale(grey, winStride=(16, 16), padding=(8, 8), scale=1.2)
    return _strongest(weights)


def _strongest(weights: Sequence[float] | np.ndarray) -> float:
    return float(np.max(weights)) if len(weights) else 0.0


@cache
def _cascade(name: str) -> cv2.CascadeClassifier:
    return cv2.CascadeClassifier(cv2.data.haarcascades + _CASCADES[name])


@cache
def _hog() -> cv2.HOGDescriptor:
    hog = cv2.HOGDescriptor()
    hog.setSVMDetector(cv2.HOGDescriptor_getDefaultPeopleDetector())
    return hog
