"""Inpainting masks: the dish with its vessel in a vendor photo, by a detector that a profile names.

The default one needs no trained model: three closed contours, which differ in what the frame counts for,
each refined by GrabCut; the one whose inside shares fewest colours with its outside is the dish. It works on
a copy of at most 160 px and scales the mask back. Masks are hard (0 or 255); feathering belongs to rendering.
Figures: `python -m benchmarks.masks`.
"""

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from plateful.vision.contours import outer_contour
from plateful.vision.measures import fitted
from plateful.vision.saliency import find_subject

# Part of every mask row: raise when the same photo would get another mask.
METHOD = "saliency+contour+grabcut@3"
WORKING_SIDE = 160
# A strip or an icon: too few pixels for a contour.
SMALLEST_SIDE = 32
_ITERATIONS = 3
_SMALLEST, _LARGEST = 0.02, 0.90
# What a contour gains along the frame: little finds plates that stand free, much those that the frame cuts.
_FRAMES = (0.30, 0.45, 0.60)
# A dish has colours that its surroundings lack, or, white on white, a rim all around. Share of such colours:
# pure texture 0.1, plates from 0.62, under-exposed ones from 0.5, phone photos from 0.61. Strength of the
# edge: pure texture up to 0.70, a rim 1.
_DISTINCT, _STRONG = 0.35, 0.85
# GrabCut may move a contour's edge inwards and outwards by as much, shares of the shorter side.
_INWARD, _OUTWARD = 0.08, 0.05


@dataclass(frozen=True)
class DishMask:
    """A dish's mask, uint8 0/255 (H, W) of the photo's size, or None with the reason in `status`.

    status: ok, no_dish_found, covers_everything, no_edge_found (one texture fills the frame), too_small, or
    not_a_dish with what is seen instead. area: share of the photo that was found, 0..1.
    """

    mask: np.ndarray | None
    area: float
    status: str


class DishDetector(Protocol):
    """Finds the dish in a photo."""

    def find(self, array: np.ndarray) -> DishMask:
        """Find the dish in one uint8 RGB (H, W, 3) photo."""
        ...


class SaliencyDetector:
    """Finds the dish as what differs from the picture's edge; needs no weights."""

    def find(self, array: np.ndarray) -> DishMask:
        """Find the dish in one uint8 RGB (H, W, 3) photo."""
        work = fitted(array, WORKING_SIDE)
        if min(work.shape[:2]) < SMALLEST_SIDE:
            return DishMask(None, 0.0, "too_small")
        subject = find_subject(array)
        if subject is None:
            return DishMask(None, 0.0, "no_dish_found")
        # Half-way to the picture's middle: saliency may have seen one side of the dish only.
        x, y = ((share + 0.5) / 2 for share in subject.centre)
        every = [outer_contour(work, (x, y), frame) for frame in _FRAMES]
        contours = [contour for contour in every if _SMALLEST <= contour.area <= _LARGEST]
        if not contours:
            return DishMask(None, every[0].area, "covers_everything")
        masks = [refined(work, contour.inside) for contour in contours]
        distinctness = [_distinctness(work, mask) for mask in masks]
        best = int(np.argmax(distinctness))
        if distinctness[best] < _DISTINCT and contours[best].strength < _STRONG:
            return DishMask(None, contours[best].area, "no_edge_found")
        return whole_mask(masks[best], array)


def refined(work: np.ndarray, rough: np.ndarray) -> np.ndarray:
    """Let GrabCut move the edge of a rough mask (uint8 0/255, (h, w)) to where colours change."""
    labels = np.full(rough.shape, cv2.GC_BGD, np.uint8)
    labels[cv2.dilate(rough, _disc(rough, _OUTWARD)) > 0] = cv2.GC_PR_BGD
    labels[rough > 0] = cv2.GC_PR_FGD
    labels[cv2.erode(rough, _disc(rough, _INWARD), borderValue=0) > 0] = cv2.GC_FGD
    return _grabcut(work, labels)


def inside_box(work: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    """Let GrabCut find the dish in a box (x0, y0, x1, y1 in shares of the picture) -> uint8 0/255 (h, w)."""
    height, width = work.shape[:2]
    x0, y0, x1, y1 = (round(share * side) for share, side in zip(box, (width, height) * 2, strict=True))
    labels = np.full((height, width), cv2.GC_BGD, np.uint8)
    labels[y0:y1, x0:x1] = cv2.GC_PR_BGD
    middle, axes = ((x0 + x1) / 2, (y0 + y1) / 2), (max(1, x1 - x0), max(1, y1 - y0))
    # Dishes are round: the corners of their boxes are table, their middles food.
    for label, share in ((cv2.GC_PR_FGD, 1.0), (cv2.GC_FGD, 0.5)):
        cv2.ellipse(labels, (middle, (axes[0] * share, axes[1] * share), 0.0), label, cv2.FILLED)
    return _grabcut(work, labels)


def _grabcut(work: np.ndarray, labels: np.ndarray) -> np.ndarray:
    # GrabCut draws its first clusters from OpenCV's generator: seeded, so that equal photos give equal masks.
    cv2.setRNGSeed(0)
    back, front = np.zeros((1, 65)), np.zeros((1, 65))
    bgr = np.ascontiguousarray(work[..., ::-1])
    cv2.grabCut(bgr, labels, (0, 0, 0, 0), back, front, _ITERATIONS, cv2.GC_INIT_WITH_MASK)
    return _largest(np.where((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD), 255, 0).astype(np.uint8))


def whole_mask(mask: np.ndarray, array: np.ndarray) -> DishMask:
    """Scale a working mask to its photo; without one when it is next to nothing or nearly everything."""
    area = float((mask > 0).mean())
    if area < _SMALLEST:
        return DishMask(None, area, "no_dish_found")
    if area > _LARGEST:
        return DishMask(None, area, "covers_everything")
    full = cv2.resize(mask, (array.shape[1], array.shape[0]), interpolation=cv2.INTER_LINEAR)
    return DishMask(np.where(full >= 128, 255, 0).astype(np.uint8), area, "ok")


def _distinctness(work: np.ndarray, mask: np.ndarray) -> float:
    """Share of colour that inside and outside do not have in common, 0..1; 0 where GrabCut left no dish."""
    if not _SMALLEST <= float((mask > 0).mean()) <= _LARGEST:
        return 0.0
    lab = cv2.cvtColor(work, cv2.COLOR_RGB2LAB)
    inside, outside = (
        cv2.calcHist([lab], [0, 1, 2], part, [8, 32, 32], [0, 256] * 3)
        for part in (mask, cv2.bitwise_not(mask))
    )
    total = [max(1.0, float(part.sum())) for part in (inside, outside)]
    return 1 - float(np.minimum(inside / total[0], outside / total[1]).sum())


def _disc(mask: np.ndarray, share: float) -> np.ndarray:
    side = 2 * max(1, round(min(mask.shape) * share)) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))


def _largest(mask: np.ndarray) -> np.ndarray:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, kernel)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return np.zeros_like(mask)
    return cv2.drawContours(np.zeros_like(mask), [max(contours, key=cv2.contourArea)], -1, 255, cv2.FILLED)
