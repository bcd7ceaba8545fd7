"""Inpainting geometry: fit photo and mask to the model's size, and put the painted dish back into the photo.

Outside the feathered mask a composite's pixels are those of the fitted photo, unchanged.
"""

from dataclasses import dataclass

import cv2
import numpy as np

# Width of the soft edge as a share of the picture's side: 5 px at 128, about one latent cell on each side.
FEATHER = 0.04


@dataclass(frozen=True)
class Canvas:
    """A photo fitted to the model.

    Attributes:
        photo: uint8 RGB (size, size, 3).
        alpha: float32 (size, size); 1 on the dish, 0 outside the feathered mask.
    """

    photo: np.ndarray
    alpha: np.ndarray

    @property
    def paint(self) -> np.ndarray:
        """Float32 (size, size), 1 wherever the painted picture can show through."""
        return (self.alpha > 0).astype(np.float32)

    def composite(self, painted: np.ndarray) -> np.ndarray:
        """Return the painted picture (uint8 RGB, same size) blended into the photo."""
        alpha = self.alpha[..., None]
        mixed = alpha * painted.astype(np.float32) + (1 - alpha) * self.photo.astype(np.float32)
        return np.where(alpha > 0, np.rint(mixed), self.photo).astype(np.uint8)


def fit(photo: np.ndarray, mask: np.ndarray, size: int) -> Canvas:
    """Crop photo and mask to the square that holds most of the mask, and scale both to `size`.

    Args:
        photo: uint8 RGB (H, W, 3).
        mask: uint8 (H, W) or (H, W, 3), same height and width, 255 on the dish.
        size: side of the result in pixels.

    Raises:
        ValueError: photo and mask differ in size, or the mask is empty.
    """
    flat = mask if mask.ndim == 2 else mask[..., 0]
    if flat.shape != photo.shape[:2]:
        raise ValueError(f"mask {flat.shape} does not fit its photo {photo.shape[:2]}")
    if not (flat > 127).any():
        raise ValueError("mask is empty")
    window = _window(flat > 127)
    return Canvas(_scale(photo[window], size), _feathered(_scale(flat[window], size)))


def _window(mask: np.ndarray) -> tuple[slice, slice]:
    """Return the largest square of the picture, slid towards the mask's centre."""
    side = min(mask.shape)
    rows, columns = np.nonzero(mask)
    top = _start(rows.mean(), side, mask.shape[0])
    left = _start(columns.mean(), side, mask.shape[1])
    return slice(top, top + side), slice(left, left + side)


def _start(centre: float, side: int, length: int) -> int:
    return int(np.clip(round(centre - side / 2), 0, length - side))


def _scale(array: np.ndarray, size: int) -> np.ndarray:
    shrinks = array.shape[0] > size
    return cv2.resize(array, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)


def _feathered(mask: np.ndarray) -> np.ndarray:
    """Soften outwards: alpha stays 1 on the mask itself, and falls to 0 over twice the feather width."""
    width = max(1, round(FEATHER * len(mask)))
    hard = (mask > 127).astype(np.float32)
    grown = cv2.dilate(hard, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * width + 1, 2 * width + 1)))
    soft = cv2.GaussianBlur(grown, (2 * width + 1, 2 * width + 1), width / 2)
    return np.maximum(hard, np.where(soft < 1e-3, 0, np.minimum(soft, 1)))
