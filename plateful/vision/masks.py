"""Inpainting masks: the dish in a vendor photo, from saliency refined by GrabCut.

Works on a copy of at most 256 px and scales the mask back. The mask is hard (0 or 255); feathering belongs to
rendering.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from plateful.vision.measures import fitted
from plateful.vision.saliency import Subject, find_subject

METHOD = "saliency+grabcut@2"
WORKING_SIDE = 256
_ITERATIONS = 3
_SMALLEST, _LARGEST = 0.02, 0.90


@dataclass(frozen=True)
class DishMask:
    """A dish's mask, uint8 0/255 (H, W) of the photo's size, or None with the reason in `status`.

    status: ok, no_dish_found, covers_everything. area: share of the photo that was found, 0..1.
    """

    mask: np.ndarray | None
    area: float
    status: str
    method: str = METHOD


def dish_mask(array: np.ndarray) -> DishMask:
    """Find the dish in one uint8 RGB (H, W, 3) photo."""
    subject = find_subject(array)
    if subject is None:
        return DishMask(None, 0.0, "no_dish_found")
    if subject.area > _LARGEST:
        return DishMask(None, subject.area, "covers_everything")
    work = fitted(array, WORKING_SIDE)
    mask = _largest(_grabcut(work, subject))
    area = float((mask > 0).mean())
    if area < _SMALLEST:
        return DishMask(None, area, "no_dish_found")
    if area > _LARGEST:
        return DishMask(None, area, "covers_everything")
    full = cv2.resize(mask, (array.shape[1], array.shape[0]), interpolation=cv2.INTER_LINEAR)
    return DishMask(np.where(full >= 128, 255, 0).astype(np.uint8), area, "ok")


def _grabcut(work: np.ndarray, subject: Subject) -> np.ndarray:
    height, width = work.shape[:2]
    salient = cv2.resize(subject.mask, (width, height), interpolation=cv2.INTER_NEAREST)
    reach = max(3, round(min(height, width) * 0.06))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    labels = np.full((height, width), cv2.GC_BGD, np.uint8)
    labels[cv2.dilate(salient, kernel) > 0] = cv2.GC_PR_BGD
    labels[salient > 0] = cv2.GC_PR_FGD
    labels[cv2.erode(salient, kernel, borderValue=0) > 0] = cv2.GC_FGD
    if not (labels == cv2.GC_BGD).any():
        labels[[0, -1]] = cv2.GC_BGD
        labels[:, [0, -1]] = cv2.GC_BGD
    # GrabCut draws its first clusters from OpenCV's generator: seeded, so that equal photos give equal masks.
    cv2.setRNGSeed(0)
    back, front = np.zeros((1, 65)), np.zeros((1, 65))
    bgr = np.ascontiguousarray(work[..., ::-1])
    cv2.grabCut(bgr, labels, (0, 0, 0, 0), back, front, _ITERATIONS, cv2.GC_INIT_WITH_MASK)
    return np.where((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD), 255, 0).astype(np.uint8)


def _largest(mask: np.ndarray) -> np.ndarray:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, kernel)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return np.zeros_like(mask)
    return cv2.drawContours(np.zeros_like(mask), [max(contours, key=cv2.contourArea)], -1, 255, cv2.FILLED)
