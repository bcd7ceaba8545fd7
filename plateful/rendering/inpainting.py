"""Inpainting geometry: cut a square for the model out of a photo, and put what it painted back into it.

A composite is the whole photo at its own size: outside the feathered mask its pixels are the photo's own.
"""

from dataclasses import dataclass

import cv2
import numpy as np

# Width of the soft edge as a share of the square's side: 5 px at 128, about one latent cell on each side.
FEATHER = 0.04
# Side of the square, in lengths of the dish: models draw a dish with a margin of about a tenth on every side,
# and the feather needs nearly as much.
_ROOM = 1.3
# A dish longer than so many times the photo's shorter side is painted in its middle only: a square of its
# length would be mostly made up.
_LONGEST = 2
# Part of a candidate's identity: raise when the same painting would be put back differently.
COMPOSITE = "whole-photo@2"


@dataclass(frozen=True)
class Square:
    """A square over a photo; `top` and `left` are negative where it reaches beyond."""

    top: int
    left: int
    side: int

    def of_photo(self, shape: tuple[int, ...]) -> tuple[slice, slice]:
        """Rows and columns of the photo (H, W, ...) that the square covers."""
        ends = min(self.top + self.side, shape[0]), min(self.left + self.side, shape[1])
        return slice(max(self.top, 0), ends[0]), slice(max(self.left, 0), ends[1])

    def covered(self, shape: tuple[int, ...]) -> tuple[slice, slice]:
        """The same pixels as rows and columns of the square."""
        rows, columns = self.of_photo(shape)
        return (
            slice(rows.start - self.top, rows.stop - self.top),
            slice(columns.start - self.left, columns.stop - self.left),
        )


@dataclass(frozen=True)
class Canvas:
    """A photo, the square of it that is painted, and how the painting shows through.

    Attributes:
        whole: uint8 RGB (H, W, 3), the photo at its own size.
        square: where the model looks.
        photo: uint8 RGB (size, size, 3), the square at the model's size; mirrored beyond the photo's frame.
        paint: float32 (size, size), 1 wherever the painted picture can show through.
        alpha: float32 (h, w) on the photo's pixels inside the square; 1 on the dish, 0 outside the feather.
    """

    whole: np.ndarray
    square: Square
    photo: np.ndarray
    paint: np.ndarray
    alpha: np.ndarray

    def composite(self, painted: np.ndarray) -> np.ndarray:
        """Return the whole photo, uint8 RGB (H, W, 3), with the painting (size, size, 3) blended into it."""
        place = self.square.of_photo(self.whole.shape)
        below, above = self.whole[place], _scale(painted, self.square.side)
        above = above[self.square.covered(self.whole.shape)].astype(np.float32)
        alpha = self.alpha[..., None]
        mixed = np.rint(alpha * above + (1 - alpha) * below)
        result = self.whole.copy()
        result[place] = np.where(alpha > 0, mixed, below).astype(np.uint8)
        return result


def fit(photo: np.ndarray, mask: np.ndarray, size: int) -> Canvas:
    """Cut the square around the dish, and scale it to `size`.

    Args:
        photo: uint8 RGB (H, W, 3).
        mask: uint8 (H, W) or (H, W, 3), same height and width, 255 on the dish.
        size: side of the model's picture in pixels.

    Raises:
        ValueError: photo and mask differ in size, or the mask is empty.
    """
    flat = mask if mask.ndim == 2 else mask[..., 0]
    if flat.shape != photo.shape[:2]:
        raise ValueError(f"mask {flat.shape} does not fit its photo {photo.shape[:2]}")
    if not (flat > 127).any():
        raise ValueError("mask is empty")
    square = _square(flat > 127)
    alpha = _feathered(_cut(flat > 127, square), square.side)
    shown = np.zeros((square.side, square.side), np.float32)
    shown[square.covered(flat.shape)] = alpha > 0
    paint = cv2.resize(shown, (size, size), interpolation=cv2.INTER_AREA) > 0
    return Canvas(photo, square, _scale(_seen(photo, square), size), paint.astype(np.float32), alpha)


def _square(mask: np.ndarray) -> Square:
    """Return a square around the dish, slid into the photo where it is smaller than that."""
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    longest = max(width, height)
    # The feather of a small dish has at least four pixels on each side.
    side = min(max(round(_ROOM * longest), longest + 11), max(_LONGEST * min(mask.shape), 8))
    rows, columns = mask.shape
    return Square(_start(top + height / 2, side, rows), _start(left + width / 2, side, columns), side)


def _start(centre: float, side: int, length: int) -> int:
    low, high = sorted((0, length - side))
    return int(np.clip(round(centre - side / 2), low, high))


def _cut(mask: np.ndarray, square: Square) -> np.ndarray:
    """The mask inside the square, less what is too near the square's own edge to fade out before it."""
    rows, columns = square.of_photo(mask.shape)
    cut, reach = mask[rows, columns].copy(), _reach(square.side) + 1
    if rows.start > 0:
        cut[:reach] = False
    if rows.stop < mask.shape[0]:
        cut[-reach:] = False
    if columns.start > 0:
        cut[:, :reach] = False
    if columns.stop < mask.shape[1]:
        cut[:, -reach:] = False
    return cut


def _seen(photo: np.ndarray, square: Square) -> np.ndarray:
    rows, columns = square.covered(photo.shape)
    ends = (rows.start, square.side - rows.stop, columns.start, square.side - columns.stop)
    return cv2.copyMakeBorder(photo[square.of_photo(photo.shape)], *ends, cv2.BORDER_REFLECT_101)


def _scale(array: np.ndarray, size: int) -> np.ndarray:
    if len(array) == size:
        return array
    shrinks = len(array) > size
    return cv2.resize(array, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)


def _reach(side: int) -> int:
    """Width of the feather in pixels: beyond it alpha is 0."""
    return 2 * max(1, round(FEATHER * side))


def _feathered(mask: np.ndarray, side: int) -> np.ndarray:
    """Soften a bool mask outwards: alpha is 1 on it, and falls smoothly to 0 over twice the feather width."""
    distance = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    near = np.clip(1 - distance / (_reach(side) + 1), 0, 1) if mask.any() else np.zeros(mask.shape)
    return (near * near * (3 - 2 * near)).astype(np.float32)
