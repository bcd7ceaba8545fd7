"""How alike two pictures look: perceptual hashes, whatever their sizes."""

import cv2
import numpy as np

_SIDE, _KEPT = 32, 8


def perceptual_hash(array: np.ndarray) -> np.ndarray:
    """Return the 64-bit pHash of uint8 RGB (H, W, 3) as booleans (64,).

    Signs of the 64 lowest frequencies of the grey picture against their median; source: C. Zauner (2010),
    "Implementation and Benchmarking of Perceptual Image Hash Functions".
    """
    grey = cv2.cvtColor(array, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    lowest = cv2.dct(small)[:_KEPT, :_KEPT].ravel()
    return lowest > np.median(lowest[1:])


def perceptual_distance(one: np.ndarray, other: np.ndarray) -> float:
    """Return the share of pHash bits in which two pictures differ: 0 = alike, about 0.5 = unrelated."""
    return float(np.mean(perceptual_hash(one) != perceptual_hash(other)))


def same_pixels(one: np.ndarray, other: np.ndarray) -> float:
    """Return the share of equal pixels, 0..1, of two uint8 RGB (H, W, 3) pictures; 0 when sizes differ."""
    return float(np.mean((one == other).all(axis=-1))) if one.shape == other.shape else 0.0
