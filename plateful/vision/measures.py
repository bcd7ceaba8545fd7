"""Photographic measures of one picture: sharpness, exposure, contrast and saturation.

Raw values from one uint8 array, read once; scoring/ turns them into scores. Reference: bar C3 of the
benchmarks.
"""

from dataclasses import dataclass

import cv2
import numpy as np

# Sharpness is what a viewer sees at menu size: larger photos are measured at this long side.
REFERENCE_SIDE = 512
# Gates and judge look at pictures of at most this long side, photos and candidates alike.
GATED_SIDE = 1_024
_SMALL_SIDE = 128
_DARK, _BRIGHT = 16, 244


@dataclass(frozen=True)
class Measures:
    """Raw values; shares and levels in 0..1.

    sharpness: variance of the Laplacian over the variance of the picture (free of contrast and exposure).
    brightness: mean level. shadow, highlight: levels of the 5th and 99th percentile. dark, bright: share of
    pixels near black, near white. contrast: level of the 95th minus the 5th percentile. saturation: mean
    chroma (max - min of the channels).
    vivid: share of pixels of extreme chroma.
    """

    sharpness: float
    brightness: float
    shadow: float
    highlight: float
    dark: float
    bright: float
    contrast: float
    saturation: float
    vivid: float


def measure(array: np.ndarray) -> Measures:
    """Measure one uint8 RGB (H, W, 3) picture."""
    grey = cv2.cvtColor(array, cv2.COLOR_RGB2GRAY)
    histogram = cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel()
    shares = histogram / histogram.sum()
    below = np.cumsum(shares)
    shadow, light, highlight = (float(level) / 255 for level in np.searchsorted(below, (0.05, 0.95, 0.99)))
    chroma = _chroma(array)
    return Measures(
        sharpness=_sharpness(grey),
        brightness=float((shares * np.arange(256)).sum() / 255),
        shadow=shadow,
        highlight=highlight,
        dark=float(below[_DARK]),
        bright=max(0.0, float(1 - below[_BRIGHT])),
        contrast=light - shadow,
        saturation=float(chroma.mean() / 255),
        vivid=float((chroma > 200).mean()),
    )


def fitted(array: np.ndarray, side: int, *, enlarge: float = 1.0) -> np.ndarray:
    """Scale a picture so that its long side is `side` pixels; itself when nothing is to do.

    Args:
        array: uint8 (H, W, 3) or (H, W).
        side: long side wanted, pixels.
        enlarge: how many times its size it may become; never larger than it is by default.

    Returns:
        Area average when smaller, cubic when larger. However thin a strip, no side is under one pixel.
    """
    height, width = array.shape[:2]
    scale = min(enlarge, side / max(height, width))
    if scale == 1:
        return array
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(array, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)


def _sharpness(grey: np.ndarray) -> float:
    grey = fitted(grey, REFERENCE_SIDE)
    _, spread = cv2.meanStdDev(grey)
    _, edges = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))
    return float(edges[0, 0] ** 2 / max(spread[0, 0] ** 2, 1.0))


def _chroma(array: np.ndarray) -> np.ndarray:
    # Every nth pixel: for a mean and a share that is as good as all of them, and 8 times as fast at 1024 px.
    step = max(1, min(array.shape[:2]) // _SMALL_SIDE)
    red, green, blue = cv2.split(np.ascontiguousarray(array[::step, ::step]))
    return cv2.subtract(cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue))
