"""The subject of a picture: what differs from the picture's edge, as a mask and a box.

A border prior: each side of the frame gives one colour model, and a pixel is salient as far as it is from all
four. cv2.saliency is not in the headless wheel; on plates with known masks this finds the dish (tests hold
the figures).
"""

from dataclasses import dataclass

import cv2
import numpy as np

from plateful.vision.measures import fitted

WORKING_SIDE = 128
_RIM = 0.06
# Below this distance from the border (99th percentile) nothing stands out: food fills the frame, or it is
# empty. Clean plates have 17 to 141, cropped ones 7 to 20.
_MIN_CONTRAST = 15.0
# Below this spread of the Lab channels it is empty: plates and photos have 26 and more, bare backgrounds up
# to 13.
_MIN_SPREAD = 16.0


@dataclass(frozen=True)
class Subject:
    """Mask uint8 0/255 (h, w) on the working copy; box (x0, y0, x1, y1) and area as shares, 0..1."""

    mask: np.ndarray
    box: tuple[float, float, float, float]
    area: float

    @property
    def extent(self) -> float:
        """Longer side of the box, share of the picture's side."""
        return max(self.box[2] - self.box[0], self.box[3] - self.box[1])

    @property
    def centre(self) -> tuple[float, float]:
        """Middle of the box, shares of width and height."""
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2


def saliency_map(array: np.ndarray) -> np.ndarray:
    """Distance from the border's colours, float32 (h, w), on a copy of at most WORKING_SIDE pixels."""
    lab = cv2.cvtColor(cv2.GaussianBlur(fitted(array, WORKING_SIDE), (5, 5), 0), cv2.COLOR_RGB2LAB).astype(
        np.float32
    )
    rim = max(2, round(min(lab.shape[:2]) * _RIM))
    sides = (lab[:rim], lab[-rim:], lab[:, :rim], lab[:, -rim:])
    return np.min([_distance(lab, side.reshape(-1, 3)) for side in sides], axis=0)


def find_subject(array: np.ndarray) -> Subject | None:
    """Return what stands out in a uint8 RGB picture; all of it when food fills the frame, None when empty."""
    salient = saliency_map(array) * _centre_weight(array)
    if np.percentile(salient, 99) < _MIN_CONTRAST:
        return _whole(array)
    scaled = np.clip(salient * (255 / np.percentile(salient, 98)), 0, 255).astype(np.uint8)
    _, mask = cv2.threshold(scaled, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    mask = _largest_filled(mask)
    return None if mask is None else _subject(mask)


def _distance(lab: np.ndarray, rim: np.ndarray) -> np.ndarray:
    mean = rim.mean(0)
    # Wide enough a spread that the grain of wood or marble is not a subject.
    spread = np.cov(rim.T) + np.eye(3) * 40.0
    offset = lab - mean
    return np.sqrt(np.einsum("hwi,ij,hwj->hw", offset, np.linalg.inv(spread), offset)) * 6.0


def _centre_weight(array: np.ndarray) -> np.ndarray:
    height, width = fitted(array, WORKING_SIDE).shape[:2]
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None, :]
    # Mild: a subject in a corner keeps 70 % of its strength, so that being off centre can still be seen.
    return (1 - 0.15 * (x * x + y * y)).astype(np.float32)


def _whole(array: np.ndarray) -> Subject | None:
    lab = cv2.cvtColor(fitted(array, WORKING_SIDE), cv2.COLOR_RGB2LAB)
    if float(np.linalg.norm(lab.std((0, 1)))) < _MIN_SPREAD:
        return None
    return Subject(np.full(lab.shape[:2], 255, np.uint8), (0.0, 0.0, 1.0, 1.0), 1.0)


def _largest_filled(mask: np.ndarray) -> np.ndarray | None:
    """The largest connected part, closed and without holes; None when nothing is left."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    mask = cv2.morphologyEx(
        cv2.morphologyEx(mask, cv2.MORPH_OPEN, kernel), cv2.MORPH_CLOSE, kernel, iterations=2
    )
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return None
    largest = max(contours, key=cv2.contourArea)
    # Parts of one dish (rice beside curry) stay together: every part at least a quarter as large counts.
    kept = [c for c in contours if cv2.contourArea(c) >= 0.25 * cv2.contourArea(largest)]
    return cv2.drawContours(np.zeros_like(mask), kept, -1, 255, cv2.FILLED)


def _subject(mask: np.ndarray) -> Subject | None:
    height, width = mask.shape
    x, y, w, h = cv2.boundingRect(mask)
    if w * h == 0:
        return None
    box = (x / width, y / height, (x + w) / width, (y + h) / height)
    return Subject(mask, box, float((mask > 0).mean()))
