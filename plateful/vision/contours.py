"""The outer edge of what stands in the middle of a picture: one closed path around it, of strong edges.

Rays leave the middle; on each the edge lies at some distance, and neighbouring rays differ little. Dynamic
programming finds the closed path that meets the strongest edges and lies far out, so that a plate is found
whole where it is as white as its table and only its rim tells.
"""

from dataclasses import dataclass

import cv2
import numpy as np

_RAYS, _STEPS = 144, 96
# Rings by which the path may move from one ray to the next: an ellipse seen at 30 degrees needs two.
_REACH = 3
# What moving by one ring costs, and what lying at the far end gains, where the strongest edge gains 1.
_BEND, _OUTWARD = 0.03, 0.5
# An edge counts in full from twice the texture at the frame, and from 10 Lab units where that is smooth.
_TEXTURE, _WEAKEST = 2.0, 10.0
# Lightness alone is as often a shadow as an edge.
_LIGHTNESS = 0.8


@dataclass(frozen=True)
class _Rays:
    """Where rays meet rings: x, y float32 (rays, rings) in pixels, and whether that is beyond the frame."""

    x: np.ndarray
    y: np.ndarray
    beyond: np.ndarray


@dataclass(frozen=True)
class Contour:
    """What a path encloses, uint8 0/255 (H, W), and how strong the edges on it are, mean 0..1."""

    inside: np.ndarray
    strength: float

    @property
    def area(self) -> float:
        """Share of the picture inside, 0..1."""
        return float((self.inside > 0).mean())


def outer_contour(array: np.ndarray, centre: tuple[float, float], frame: float) -> Contour:
    """Return the outermost strong edge around a point.

    Args:
        array: uint8 RGB (H, W, 3), small: the path has 144 points.
        centre: a point inside, shares of width and height.
        frame: what the path gains beyond the frame, where a cut-off dish has no edge; 0..1, a clear edge
            gains 1.
    """
    rays = _rays(array.shape[:2], centre)
    strength = _edges(array, rays, frame)
    rings = _closed_path(strength + _OUTWARD * np.arange(1, _STEPS + 1, dtype=np.float32) / _STEPS)
    each = np.arange(_RAYS)
    points = np.stack([rays.x[each, rings], rays.y[each, rings]], 1)
    inside = cv2.fillPoly(np.zeros(array.shape[:2], np.uint8), [np.rint(points).astype(np.int32)], 255)
    seen = ~rays.beyond[each, rings]
    return Contour(inside, float(strength[each, rings][seen].mean()) if seen.any() else 0.0)


def _rays(shape: tuple[int, ...], centre: tuple[float, float]) -> _Rays:
    height, width = shape
    x0, y0 = centre[0] * width, centre[1] * height
    reach = np.hypot(max(x0, width - x0), max(y0, height - y0))
    angles = np.linspace(0, 2 * np.pi, _RAYS, endpoint=False)[:, None]
    radii = (np.arange(_STEPS) + 0.5) * reach / _STEPS
    x, y = (x0 + np.cos(angles) * radii, y0 + np.sin(angles) * radii)
    beyond = (x < 1) | (y < 1) | (x > width - 2) | (y > height - 2)
    return _Rays(x.astype(np.float32), y.astype(np.float32), beyond)


def _edges(array: np.ndarray, rays: _Rays, frame: float) -> np.ndarray:
    """Colour change along each ray over four rings, float32 (rays, rings) in 0..1; `frame` beyond it."""
    lab = cv2.cvtColor(cv2.GaussianBlur(array, (0, 0), 1.2), cv2.COLOR_RGB2LAB).astype(np.float32)
    lab[..., 0] *= _LIGHTNESS
    seen = cv2.remap(lab, rays.x, rays.y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    change = np.zeros((_RAYS, _STEPS), np.float32)
    change[:, 2:-2] = np.linalg.norm(seen[:, 4:] - seen[:, :-4], axis=2)
    full = max(_WEAKEST, _TEXTURE * float(np.percentile(change[_near_frame(rays)], 75)))
    return np.where(rays.beyond, np.float32(frame), np.minimum(change / full, 1))


def _near_frame(rays: _Rays) -> np.ndarray:
    """The last eight rings of each ray inside the frame, less the very last: the background, mostly."""
    last = (~rays.beyond).sum(1, keepdims=True) - 1
    ring = np.arange(_STEPS)[None, :]
    return (ring >= last - 8) & (ring < last - 1)


def _closed_path(gain: np.ndarray) -> np.ndarray:
    """Ring of each ray on the closed path of most gain: `gain` (rays, rings) -> int (rays,).

    The path through the middle of an open run is where the closed one starts and ends: exact enough, in two
    runs instead of one for each ring.
    """
    half = len(gain) // 2
    anchor = _path(np.roll(gain, half, axis=0), None)[half]
    return _path(gain, int(anchor))


def _path(gain: np.ndarray, anchor: int | None) -> np.ndarray:
    """Ring of each ray on the best path; with an `anchor` it leaves from and returns to that ring."""
    count, rings = gain.shape
    bend = -_BEND * np.abs(np.arange(-_REACH, _REACH + 1, dtype=np.float32))
    total = np.zeros(rings, np.float32)
    if anchor is not None:
        total = np.where(np.arange(rings) == anchor, 0, -np.inf).astype(np.float32)
    came = np.zeros((count, rings), np.int64)
    for ray in range(count):
        padded = np.pad(total, _REACH, constant_values=-np.inf)
        ways = np.lib.stride_tricks.sliding_window_view(padded, 2 * _REACH + 1) + bend
        best = ways.argmax(1)
        came[ray] = np.arange(rings) + best - _REACH
        total = ways[np.arange(rings), best] + gain[ray]
    return _traced(came, int(total.argmax()) if anchor is None else anchor)


def _traced(came: np.ndarray, ring: int) -> np.ndarray:
    path = np.zeros(len(came), np.int64)
    for ray in range(len(came) - 1, -1, -1):
        path[ray] = ring
        ring = came[ray, ring]
    return path
