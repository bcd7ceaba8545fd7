"""Vessels turned on a wheel, from a profile: plates, bowls, pans, steamers, cups and glasses."""

from collections.abc import Sequence

import cv2
import numpy as np

from training.plates.canvas import Canvas, Points
from training.plates.geometry import mix
from training.plates.textures import noise_over

RGB = tuple[int, int, int]


_CERAMIC: dict[str, RGB] = {
    "white": (236, 234, 230),
    "dark": (58, 57, 64),
    "blue": (128, 162, 190),
    "clay": (176, 112, 76),
}


# (share of radius, slope): positive slopes face the middle. Linear in between.
_PLATE_PROFILE = (
    (0, 0),
    (0.60, 0),
    (0.66, 0.55),
    (0.71, 0.5),
    (0.75, 0.08),
    (0.92, 0.14),
    (0.965, -0.1),
    (1.0, -0.75),
    (1.1, -0.8),
)


_FLAT_PROFILE = ((0, 0), (0.80, 0), (0.88, 0.6), (0.93, 0.5), (0.955, 0), (1.0, -0.7), (1.1, -0.8))


_BOWL_PROFILE = (
    (0, 0.05),
    (0.5, 0.25),
    (0.85, 0.75),
    (0.94, 0.7),
    (0.955, 0.0),
    (0.975, -0.1),
    (1.0, -0.8),
    (1.1, -0.8),
)


def shell(
    c: Canvas,
    radius: float,
    profile: Sequence[tuple[float, float]],
    colour: RGB,
    *,
    h: float = 0.0,
    mottle: float = 0.0,
    rim: RGB | None = None,
    shine: float = 0.5,
) -> None:
    """A turned shape (plate, bowl inside, pan) from its slope along the radius, lit per pixel."""
    view = c.view
    px, py = c.at(0, 0, h)
    rx, ry = radius * view.radius, radius * view.radius * view.squash
    x0, x1 = max(0, int(px - rx) - 2), min(c.size, int(px + rx) + 3)
    y0, y1 = max(0, int(py - ry) - 2), min(c.size, int(py + ry) + 3)
    x = ((np.arange(x0, x1, dtype=np.float32) - px) / rx)[None, :]
    y = ((np.arange(y0, y1, dtype=np.float32) - py) / ry)[:, None]
    r = np.sqrt(x * x + y * y)
    table = np.interp(np.linspace(0, 1.1, 512), *np.array(profile, float).T).astype(np.float32)
    slope = table[np.minimum((r * (511 / 1.1)).astype(np.int32), 511)]
    facing = -(x * view.light[0] + y * view.light[1]) / np.maximum(r, 0.05)
    lit = slope * facing
    level = 0.30 * lit + 0.05 * (x * view.light[0] + y * view.light[1])
    if mottle:
        level = level + noise_over(y1 - y0, x1 - x0, 60, 3)[: y1 - y0, : x1 - x0] * np.float32(mottle)
    base = np.asarray(colour, np.float32) * np.ones((*r.shape, 1), np.float32)
    if rim is not None:
        base = np.where((r > 0.945)[..., None], np.asarray(rim, np.float32), base)
    paint = base * (1 + level[..., None])
    paint += (np.clip(lit - 0.35, 0, 1) ** 2 * np.float32(420 * shine * view.gloss))[..., None]
    cover = np.clip((1 - r) * np.float32(ry) + 0.5, 0, 1)[..., None]
    roi = c.rgb[y0:y1, x0:x1]
    roi[:] = np.clip(roi + (paint - roi) * cover, 0, 255)
    c.mark((cover[..., 0] * 255).astype(np.uint8), (x0, y0, x1, y1))


def turned_body(c: Canvas, radii: Sequence[tuple[float, float]], colour: RGB, **kw: float) -> Points:
    """The outside of a vessel from (height, radius) rings; returns the hull's pixels."""
    hs, rs = zip(*sorted(radii), strict=True)
    heights = np.linspace(hs[0], hs[-1], 14)
    rings = [c.ellipse(0, 0, float(np.interp(h, hs, rs)), h=float(h)) for h in heights]
    hull = cv2.convexHull(np.concatenate(rings).astype(np.float32))[:, 0]
    spot = c.region(hull, 1)
    if spot is None:
        return hull
    mask = np.zeros((spot[3] - spot[1], spot[2] - spot[0]), np.uint8)
    for ring in rings:
        cv2.bitwise_or(mask, c.filled(ring, spot), dst=mask)
    c.stamp(
        mask,
        spot,
        colour,
        bevel=kw.get("bevel", 40),
        depth=kw.get("depth", 0.7),
        gloss=kw.get("gloss", 0.3),
        mottle=kw.get("mottle", 0.0),
    )
    return hull


def ground_shadow(c: Canvas, radius: float, h: float, drop: float, strength: float = 0.62) -> None:
    """Wide soft shadow plus a tight contact shadow under a round vessel standing at height h."""
    c.shade(c.ellipse(0, 0, radius * 1.02, h=h), strength, drop, drop * 1.9)
    c.shade(c.ellipse(0, 0, radius * 1.01, h=h), strength * 0.8, 2.5, 5)


def plate(c: Canvas, vessel: str) -> None:
    """A coupe or rimmed plate in the colour of its name."""
    tone = vessel.split()[0]
    colour = _CERAMIC[tone]
    flat = c.rng.random() < 0.35
    ground_shadow(c, 0.94, -0.07, 9)
    c.into = c.vessel
    turned_body(c, ((-0.10, 0.6), (-0.03, 0.97), (0.0, 1.0)), mix(colour, (40, 36, 40), 0.25))
    rim = mix(colour, (70, 60, 50), 0.5) if c.rng.random() < 0.3 and tone != "dark" else None
    shell(
        c,
        1.0,
        _FLAT_PROFILE if flat else _PLATE_PROFILE,
        c.vary(colour, 0.03),
        rim=rim,
        mottle=0.05 if tone != "white" else 0.012,
    )
    c.bed, c.level = (0.78 if flat else 0.68), -0.02


def bowl(c: Canvas, vessel: str) -> None:
    """A deep bowl; sets the bed below its rim."""
    tone = vessel.split()[0]
    colour = _CERAMIC[tone]
    ground_shadow(c, 0.8 if not c.top else 0.96, -0.5 if not c.top else -0.15, 12)
    c.into = c.vessel
    turned_body(
        c,
        ((-0.62, 0.42), (-0.45, 0.70), (-0.2, 0.92), (0.0, 1.0)),
        mix(colour, (50, 40, 40), 0.12),
        bevel=60,
        depth=0.8,
        mottle=0.05 if tone == "clay" else 0.0,
    )
    inner = mix(colour, (250, 240, 226), 0.35) if tone == "clay" else colour
    rim = mix(colour, (120, 60, 40), 0.6) if tone == "clay" else None
    shell(c, 1.0, _BOWL_PROFILE, inner, rim=rim, mottle=0.05 if tone != "white" else 0.0)
    c.bed, c.level = 0.85, -0.13


def pan(c: Canvas, vessel: str) -> None:
    """A cast iron pan with its handle."""
    del vessel
    a = c.between(0.35, 0.9)
    handle = np.array([[np.cos(a), np.sin(a)], [1.32 * np.cos(a), 1.32 * np.sin(a)]])
    ground_shadow(c, 0.96, -0.1, 10)
    c.into = c.vessel
    c.line(c.project(handle), (52, 50, 54), 15, lit=0.15)
    turned_body(c, ((-0.2, 0.86), (0.0, 1.0)), (40, 40, 44))
    shell(c, 1.0, _FLAT_PROFILE, (50, 50, 54), mottle=0.12, rim=(74, 74, 80), shine=0.35)
    c.bed, c.level = 0.78, -0.04


def steamer(c: Canvas, vessel: str) -> None:
    """A bamboo steamer with slats."""
    del vessel
    bamboo = (220, 178, 112)
    ground_shadow(c, 0.97, -0.25, 11)
    c.into = c.vessel
    turned_body(c, ((-0.34, 1.0), (0.0, 1.0)), (198, 150, 88), bevel=50, mottle=0.05)
    if not c.top:
        for h in (-0.30, -0.18):
            ring = c.ellipse(0, 0, 1.0, h=h)
            c.line(ring[:23], (150, 102, 52), 1.6, lit=0, shadow=0)
    shell(
        c,
        1.0,
        ((0, 0), (0.84, 0.0), (0.86, 0.9), (0.90, 0.6), (0.91, 0), (0.97, 0), (1, -0.6), (1.1, -0.8)),
        bamboo,
        mottle=0.06,
    )
    c.body(c.ellipse(0, 0, 0.83, h=-0.08), (232, 204, 150), bevel=9, depth=-0.5, gloss=0, shadow=0)
    for v in np.linspace(-0.72, 0.72, 13):
        reach = np.sqrt(0.81**2 - v * v)
        c.line(c.project(np.array([[-reach, v], [reach, v]]), -0.08), (198, 156, 92), 2, lit=0.2, shadow=0.25)
    c.bed, c.level = 0.68, -0.08


def cup(c: Canvas, vessel: str) -> None:
    """A cup on its saucer, handle left or right."""
    tone = "clay" if "clay" in vessel else "white"
    colour = _CERAMIC[tone]
    ground_shadow(c, 0.94, -0.3, 8)
    c.into = c.vessel
    keep = c.level
    c.level = -0.45
    shell(c, 1.0, _PLATE_PROFILE, colour, mottle=0.05 if tone == "clay" else 0.0)
    c.level = keep
    side = 1 if c.rng.random() < 0.5 else -1
    t = np.linspace(-1.2, 1.2, 12)
    c.shade(c.ellipse(0, 0, 0.60, h=-0.4), 0.6, 9, 14)
    loop = np.stack([side * (0.58 + 0.26 * np.cos(t * 1.25)), 0.10 + 0.17 * np.sin(t * 1.25)], 1)
    c.line(c.project(loop, -0.1), mix(colour, (90, 60, 50), 0.12), 9, lit=0.5)
    turned_body(
        c,
        ((-0.45, 0.36), (-0.3, 0.52), (0.0, 0.62)),
        mix(colour, (60, 50, 50), 0.08),
        bevel=50,
        depth=0.8,
        gloss=0.5,
    )
    shell(c, 0.62, ((0, 0), (0.88, 0.8), (0.92, 0.6), (0.93, 0), (0.97, 0), (1, -0.8), (1.1, -0.8)), colour)
    c.bed, c.level = 0.54, -0.05


def glass_cup(c: Canvas, vessel: str) -> None:
    """A glass cup on a white saucer."""
    del vessel
    glass = (206, 222, 228)
    ground_shadow(c, 0.7, -0.5, 9, 0.45)
    c.into = c.vessel
    c.level = -0.5
    shell(c, 0.85, _PLATE_PROFILE, (244, 244, 242))
    c.level = 0.0
    hull = turned_body(
        c, ((-0.5, 0.36), (-0.34, 0.46), (-0.1, 0.62), (0.0, 0.68)), glass, bevel=30, depth=0.8, gloss=0.9
    )
    c.tint(hull, (255, 255, 255), 0.18, 8)
    shell(c, 0.68, ((0, 0.2), (0.90, 0.8), (0.94, 0), (1, -0.9), (1.1, -0.9)), glass, shine=1.4)
    c.bed, c.level = 0.60, -0.06


def glass(c: Canvas, vessel: str) -> None:
    """Only the shadow: the drink draws its tall glass itself."""
    del vessel
    ground_shadow(c, 0.48, 0.0, 12, 0.5)
    c.bed, c.level = 0.44, 0.0
