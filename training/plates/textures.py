"""Cached noise fields and background textures of the synthetic plates.

Everything here depends only on its arguments (fixed generator seeds), so a texture is made once per process
and a render only slices it: building noise per picture cost more than the rest of the drawing.
"""

from functools import lru_cache
from itertools import pairwise

import cv2
import numpy as np

Field = np.ndarray  # float32 (height, width)
RGB = tuple[int, int, int]

BACKGROUND_TONES: dict[str, tuple[RGB, ...]] = {
    "wood": ((182, 128, 78), (118, 76, 48), (206, 160, 108)),
    "marble": ((232, 231, 229), (220, 221, 224), (234, 226, 216)),
    "slate": ((66, 71, 78), (52, 56, 62), (84, 88, 92)),
    "linen": ((216, 206, 188), (168, 184, 198), (206, 178, 154)),
    "warm neutral": ((236, 208, 176), (222, 178, 142), (238, 220, 196)),
}


@lru_cache(maxsize=64)
def noise(size: int, cells: int, seed: int, octaves: int = 3) -> Field:
    """Smooth noise of shape (size, size), zero mean, about -1..1, with `cells` coarse cells across."""
    rng = np.random.default_rng([7719, cells, seed])
    total = np.zeros((size, size), np.float32)
    for octave in range(octaves):
        n = min(size, cells * 2**octave)
        grid = rng.random((n + 2, n + 2), np.float32) - 0.5
        total += cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC) * 0.55**octave
    return total / max(1e-6, float(np.abs(total).max()))


def noise_over(height: int, width: int, cells: int, seed: int) -> Field:
    """Noise that covers height x width: 512 px for usual pictures, a power of two for larger ones."""
    return noise(max(512, 1 << (max(height, width) - 1).bit_length()), cells, seed)


def stretched(size: int, across: int, along: int, seed: int) -> Field:
    """Noise with `across` cells over x and `along` cells over y: grain, brushed metal, weave."""
    grid = np.random.default_rng([913, across, along, seed]).random((along, across), np.float32) - 0.5
    return cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC) * 2


def tinted(tone: RGB, light: Field, warm: float = 0.15) -> np.ndarray:
    """uint8 RGB from a base colour and a light field around 0; shadows lose blue first, as in warm rooms."""
    gain = 1 + light[..., None] * np.array([1 - warm, 1, 1 + warm], np.float32)
    return np.clip(np.array(tone, np.float32) * gain, 0, 255).astype(np.uint8)


def _wood(size: int, tone: RGB, seed: int) -> np.ndarray:
    rng = np.random.default_rng([31, seed])
    y = np.linspace(0, 1, size, dtype=np.float32)[:, None]
    warp = noise(size, 3, seed, 2) * 0.05
    rings = np.sin((y + warp + 0.4 * stretched(size, 2, 7, seed) * 0.1) * 150) * 0.05
    grain = stretched(size, 6, size // 2, seed + 5) * 0.10 + stretched(size, 24, size, seed + 9) * 0.05
    light = rings + grain
    edges = np.linspace(0, size, 6).astype(int)
    for top, bottom in pairwise(edges):
        light[top:bottom] = np.roll(light[top:bottom], int(rng.integers(size)), axis=1) + rng.uniform(
            -0.10, 0.08
        )
        light[max(0, top - 1) : top + 1] -= 0.32
        light[top + 1 : top + 3] += 0.07
    return tinted(tone, light, 0.3)


def _marble(size: int, tone: RGB, seed: int) -> np.ndarray:
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size
    flow = x * 1.3 + y * 0.9 + noise(size, 4, seed, 4) * 0.55
    veins = np.exp(-np.abs(np.sin(flow * 7.0)) * 16) * (0.62 + 0.5 * noise(size, 5, seed + 1))
    fine = np.exp(-np.abs(noise(size, 6, seed + 2, 4)) * 34) * 0.5
    cloud = noise(size, 3, seed + 3) * 0.035
    return tinted(tone, cloud - np.clip(veins, 0, 1) * 0.36 - fine * 0.20, -0.06)


def _slate(size: int, tone: RGB, seed: int) -> np.ndarray:
    layers = np.round((noise(size, 4, seed, 4) + 1) * 7) / 7 - 1
    ridge = cv2.filter2D(layers, -1, np.array([[-1, -1, 0], [-1, 0, 1], [0, 1, 1]], np.float32)) * 0.35
    light = noise(size, 5, seed, 4) * 0.16 + noise(size, size // 3, seed + 1, 1) * 0.09
    return tinted(tone, light - np.clip(ridge, -0.25, 0.25), 0.02)


def _linen(size: int, tone: RGB, seed: int) -> np.ndarray:
    weft = stretched(size, 10, size // 3, seed) * 0.045
    warp = stretched(size, size // 3, 10, seed + 1) * 0.045
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    thread = (np.sin(x * 2.1) + np.sin(y * 2.1)) * 0.035
    folds = np.sin((x * 0.8 + y * 0.35) / size * 9 + noise(size, 3, seed + 2, 2) * 2.2) ** 3 * 0.10
    return tinted(tone, weft + warp + thread + folds, 0.1)


def _warm_neutral(size: int, tone: RGB, seed: int) -> np.ndarray:
    light = noise(size, 2, seed, 2) * 0.035 + noise(size, size // 2, seed + 1, 1) * 0.012
    return tinted(tone, light, 0.25)


_MAKERS = {"wood": _wood, "marble": _marble, "slate": _slate, "linen": _linen, "warm neutral": _warm_neutral}


@lru_cache(maxsize=64)
def background_texture(background: str, size: int, variant: int) -> np.ndarray:
    """Texture (1.5 size, 1.5 size, 3) uint8 of one background in one of its tones; do not write into it."""
    tones = BACKGROUND_TONES[background]
    made = _MAKERS[background](size * 3 // 2, tones[variant % len(tones)], variant)
    made.setflags(write=False)
    return made


@lru_cache(maxsize=8)
def falloff(size: int, lean: float) -> Field:
    """Light falling in from the upper left (lean < 0) or upper right (lean > 0), with a vignette."""
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size - 0.5
    reach = np.hypot(x - lean * 0.42, y + 0.45)
    vignette = np.clip(np.hypot(x, y) - 0.42, 0, None) ** 1.5
    return (0.11 - 0.27 * reach - 0.9 * vignette).astype(np.float32)
