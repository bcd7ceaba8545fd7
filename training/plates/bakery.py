"""Drawers: pizza, bread, donut, pancakes, cake."""

import cv2
import numpy as np

from training.plates.canvas import Canvas
from training.plates.geometry import sunflower
from training.plates.ingredients import LOOKS
from training.plates.layout import put, scatter
from training.plates.plate import Plate

_CRUST, _BUN, _TORTILLA, _CRUMB = (214, 152, 78), (216, 146, 68), (246, 216, 150), (252, 234, 196)


_SMALL = ("drizzle", "beads", "rings", "dust", "shred", "sprinkles")


def draw_pizza(c: Canvas, plate: Plate) -> None:
    """Blistered crust, sauce, molten cheese, toppings."""
    r = 0.82 if "plate" in plate.vessel else 0.88
    c.slab(
        c.outline(0, 0, r, wobble=0.02),
        0.09,
        _CRUST,
        (170, 104, 44),
        bevel=15,
        depth=0.8,
        gloss=0.15,
        mottle=0.22,
        cells=48,
    )
    for _ in range(11):
        a = c.between(0, 6.283)
        c.tint(
            c.ellipse(0.93 * r * np.cos(a), 0.93 * r * np.sin(a), c.between(0.03, 0.08), h=0.1),
            (96, 48, 18),
            0.55,
            6,
        )
    c.body(
        c.ellipse(0, 0, r * 0.84, h=0.07, wobble=0.03),
        (200, 56, 26),
        bevel=6,
        depth=-0.3,
        gloss=0,
        shadow=0,
        mottle=0.1,
    )
    c.body(
        c.ellipse(0, 0, r * 0.78, h=0.08, wobble=0.06),
        (252, 208, 96),
        bevel=6,
        depth=0.4,
        gloss=0.2,
        shadow=0.15,
        mottle=0.14,
        cells=24,
    )
    for du, dv in sunflower(14, r * 0.72, c.between(0, 6)):
        c.tint(c.ellipse(du, dv, c.between(0.05, 0.1), h=0.08, wobble=0.2), (214, 92, 34), 0.45, 6)
    scatter(c, plate.ingredients, r * 0.68, h=0.09, scale=1.0)


def draw_bread(c: Canvas, plate: Plate) -> None:
    """A scored crusty loaf with two slices cut off."""
    uv = c.outline(-0.16, -0.04, 0.70, 0.44, angle=-0.25, wobble=0.03)
    base, heap = c.project(uv), c.project((uv - (-0.16, -0.04)) * 0.9 + (-0.16, -0.04), 0.22)
    hull = cv2.convexHull(np.concatenate([base, heap]).astype(np.float32))[:, 0]
    c.body(hull, (188, 112, 50), bevel=36, depth=0.9, gloss=0.3, shadow=0.7, drop=7, mottle=0.16)
    c.tint(hull * np.float32(1) - np.array([0, 3], np.float32), (120, 62, 24), 0.25, 16)
    for k in (-0.42, -0.16, 0.10):
        cut = np.array([[k - 0.10, 0.20], [k, 0.0], [k + 0.16, -0.26]]) + np.array((-0.06, -0.04))
        c.line(c.project(cut, 0.2), (238, 200, 142), 7, lit=0.3, shadow=0.5)
    c.tint(c.ellipse(-0.25, -0.12, 0.4, 0.16, h=0.24, angle=-0.25), (252, 236, 208), 0.28, 12)
    for u, v in ((0.44, 0.20), (0.56, 0.38)):
        slice_uv = c.outline(u, v, 0.34, 0.30, angle=0.2, wobble=0.05)
        c.slab(slice_uv, 0.05, (176, 104, 48), (150, 84, 36), bevel=4, mottle=0.1)
        c.body(
            c.project((slice_uv - (u, v)) * 0.88 + (u, v), 0.055),
            (250, 230, 190),
            bevel=4,
            depth=0.3,
            shadow=0,
            gloss=0,
            mottle=0.14,
            cells=192,
        )
    for name in plate.ingredients:
        many = LOOKS[name].size < 0.1
        scatter(
            c,
            (name,),
            0.34,
            at=(-0.18, -0.08),
            h=0.18,
            dome=0.06,
            scale=0.9 if many else 0.7,
            share=0.8 if many else 0.5,
        )
        scatter(c, (name,), 0.17, at=(0.55, 0.36), h=0.07, scale=0.85 if many else 0.6, share=0.35)


def draw_donut(c: Canvas, plate: Plate) -> None:
    """Fried rings with icing in the base flavour."""
    n = plate.count or 1
    spots = {
        1: [(0.0, 0.0)],
        2: [(-0.36, -0.18), (0.36, 0.18)],
        3: [(0.0, -0.36), (-0.40, 0.28), (0.40, 0.28)],
        4: [(-0.38, -0.36), (0.38, -0.36), (-0.38, 0.36), (0.38, 0.36)],
    }[n]
    s = {1: 0.68, 2: 0.43, 3: 0.39, 4: 0.36}[n]
    icing = {
        "chocolate": (86, 46, 30),
        "strawberry": (246, 134, 172),
        "sugar": (255, 252, 246),
        "matcha": (150, 182, 84),
        "caramel": (206, 128, 44),
    }[plate.ingredients[0]]
    for u, v in spots:
        _torus(c, u, v, s, 0.0, (212, 146, 74), 0.0, s * 55)
        _torus(c, u, v, s * 0.93, s * 0.16, icing, 0.10, s * 46)
        for name in plate.ingredients[1:]:
            look = LOOKS[name]
            for k in range(int(26 * (0.6 + s))):
                a, q = k * 2.399963, s * c.between(0.50, 0.82)
                put(c, name, u + q * np.cos(a), v + q * np.sin(a), s * 0.18, 0.9 if look.size < 0.12 else 0.5)


def _torus(
    c: Canvas,
    u: float,
    v: float,
    r: float,
    h: float,
    colour: tuple[int, int, int],
    wobble: float,
    bevel: float,
) -> None:
    outer, hole = c.ellipse(u, v, r, h=h, wobble=wobble), c.ellipse(u, v, r * 0.34, h=h, wobble=wobble)
    if not h:
        c.shade(outer, 0.6, 6, 10)
    spot = c.region(outer, 1)
    if spot is None:
        return
    mask = cv2.subtract(c.filled(outer, spot), c.filled(hole, spot))
    c.stamp(mask, spot, colour, bevel=bevel, depth=0.85, gloss=0.8 if h else 0.2, mottle=0.05)


def draw_pancakes(c: Canvas, plate: Plate) -> None:
    """A stack of golden discs, toppings and syrup on top."""
    h = 0.0
    for _ in range(plate.count or 4):
        du, dv = c.rng.normal(0, 0.025, 2)
        roof = c.slab(
            c.outline(du, dv, 0.62, wobble=0.03),
            0.085,
            (236, 196, 126),
            (250, 220, 158),
            h=h,
            bevel=6,
            gloss=0.1,
            shadow=0.4,
        )
        h += 0.10
    middle = roof.mean(0)
    c.body(
        middle + (roof - middle) * 0.9,
        (206, 128, 56),
        bevel=10,
        depth=0.3,
        shadow=0,
        gloss=0.2,
        mottle=0.16,
        cells=24,
    )
    scatter(c, plate.ingredients, 0.36, h=h, scale=1.0, share=0.8)


def draw_cake(c: Canvas, plate: Plate) -> None:
    """A tall wedge: sponge and cream in layers, iced top, decoration."""
    base = plate.ingredients[0]
    sponge, cream = {
        "vanilla": ((246, 212, 138), (255, 250, 240)),
        "chocolate": ((92, 52, 34), (196, 150, 116)),
        "matcha": ((146, 170, 74), (248, 250, 228)),
    }[base]
    icing = {"vanilla": (255, 248, 234), "chocolate": (74, 40, 26), "matcha": (170, 194, 96)}[base]
    uv = np.array([[-0.72, 0.34], [-0.60, -0.10], [-0.30, -0.42], [0.10, -0.56], [0.62, 0.40]])
    smooth = np.concatenate(
        [uv[i] + (uv[(i + 1) % 5] - uv[i]) * np.linspace(0, 0.94, 7)[:, None] for i in range(5)]
    ) + np.array((0.02, 0.08))
    filling = {
        "strawberry": (236, 84, 100),
        "blueberry": (120, 96, 176),
        "cherry": (170, 30, 56),
        "lemon": (252, 224, 90),
    }
    stripe = next((filling[i] for i in plate.ingredients[1:] if i in filling), cream)
    h = 0.0
    for k, (tall, colour) in enumerate(
        ((0.16, sponge), (0.06, cream), (0.15, sponge), (0.07, stripe), (0.15, sponge), (0.09, icing))
    ):
        c.slab(
            smooth,
            tall,
            colour,
            colour,
            h=h,
            bevel=6,
            mottle=0.10 if colour == sponge else 0.0,
            shadow=0.5 if k == 0 else 0.0,
            gloss=0.3,
        )
        h += tall
    extra = plate.ingredients[1:]
    for name in extra:
        scatter(c, (name,), 0.26, at=(-0.08, 0.0), h=h + 0.02, scale=0.95, share=0.55)
    if not extra:
        put(c, "cream", -0.1, 0.0, h, 0.75)
