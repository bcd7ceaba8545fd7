"""Backgrounds and steam: what is behind and above the food."""

import cv2
import numpy as np

from training.plates.canvas import Canvas
from training.plates.textures import background_texture, falloff


def paint_background(c: Canvas, background: str) -> None:
    """Fill the picture: texture cut at random, light from the lit side, far edge out of focus."""
    rng, size = c.rng, c.size
    texture = background_texture(background, size, int(rng.integers(3)))
    y, x = rng.integers(0, size // 2, 2)
    cut = texture[y : y + size, x : x + size]
    if rng.random() < 0.5:
        cut = cut[:, ::-1]
    if not c.top:
        far = cv2.resize(cv2.blur(np.ascontiguousarray(cut[:, :]), (9, 9)), (size, size))
        weight = np.clip(1.15 - np.linspace(0, 2.1, size, dtype=np.float32), 0, 1)[:, None, None]
        cut = cut + (far.astype(np.float32) - cut) * weight
    light = falloff(size, -1.0 if c.view.light[0] < 0 else 1.0)
    lit = cut * (1 + light * np.float32(0.8 + 0.5 * rng.random()))[..., None]
    np.clip(lit, 0, 255, out=lit)
    c.rgb[:] = lit


def paint_steam(c: Canvas, strength: float) -> None:
    """Soft rising wisps over the food."""
    size, quarter = c.size, c.size // 4
    wisps = np.zeros((quarter, quarter), np.uint8)
    x0, y0 = c.at(0, 0, c.bed * 0.1)
    reach = c.view.radius * 0.9
    for _ in range(4):
        t = np.linspace(0, 1, 18)
        x = (
            x0
            + c.between(-0.4, 0.4) * reach
            + np.sin(t * c.between(5, 8) + c.between(0, 6)) * reach * 0.12 * (0.4 + t)
        )
        y = y0 + reach * 0.15 - t * reach * c.between(0.8, 1.15)
        pts = np.rint(np.stack([x, y], 1) * (16 * quarter / size)).astype(np.int32)
        cv2.polylines(wisps, [pts], False, 190, 2, cv2.LINE_AA, 4)
    soft = cv2.resize(cv2.GaussianBlur(wisps, (0, 0), 2.0), (size, size), interpolation=cv2.INTER_LINEAR)
    cover = (soft * np.float32(strength / 255))[..., None]
    c.rgb[:] = c.rgb + (np.float32(250) - c.rgb) * cover
