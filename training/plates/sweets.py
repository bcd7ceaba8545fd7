"""Drawers: ice cream, fruit, cheese, coffee, tea, cold drinks."""

import numpy as np

from training.plates.canvas import Canvas
from training.plates.geometry import mix, sunflower
from training.plates.ingredients import LOOKS
from training.plates.layout import pool, put, scatter
from training.plates.plate import Plate

_FLAVOURS = {
    "vanilla": (255, 240, 202),
    "chocolate": (112, 66, 44),
    "strawberry": (248, 162, 178),
    "pistachio": (178, 206, 122),
    "mango": (255, 190, 70),
    "blueberry": (150, 124, 188),
}


def draw_ice_cream(c: Canvas, plate: Plate) -> None:
    """Scoops with ragged skirts; flavours come from the ingredients, the rest decorates."""
    n = plate.count or 2
    flavours = [i for i in plate.ingredients if i in _FLAVOURS] or ["vanilla"]
    extras = [i for i in plate.ingredients if i not in _FLAVOURS]
    wide = c.bed / 0.60
    s = {1: 0.46, 2: 0.34, 3: 0.32, 4: 0.28}[n] * wide * (1.0 if wide < 1.05 else 0.85)
    spots = {
        1: [(0.0, 0.0)],
        2: [(-0.26, 0.0), (0.26, 0.04)],
        3: [(0.0, -0.22), (-0.27, 0.12), (0.27, 0.14)],
        4: [(-0.24, -0.24), (0.24, -0.22), (-0.26, 0.16), (0.26, 0.18)],
    }[n]
    if "wafer" in extras:
        t = np.array([[-0.10, -0.1], [0.02, -0.1], [0.30, -0.98], [0.12, -1.0]])
        with c.showing("wafer"):
            c.body(
                c.project(t * 0.8 + (0.05, -0.05), 0.2), LOOKS["wafer"].colour, bevel=4, gloss=0.1, mottle=0.1
            )
            for k in np.linspace(0.1, 0.9, 6):
                ends = np.stack([t[0] + (t[3] - t[0]) * k, t[1] + (t[2] - t[1]) * k])
                c.line(
                    c.project(ends * 0.8 + (0.05, -0.05), 0.2), LOOKS["wafer"].accent, 1.5, lit=0, shadow=0
                )
    for k, (u, v) in enumerate(spots):
        flavour = flavours[k % len(flavours)]
        colour = _FLAVOURS[flavour]
        with c.showing(flavour):
            c.body(
                c.ball(u * wide, v * wide, s * 1.06, h=0.12, wobble=0.10, tall=0.72),
                c.vary(mix(colour, (90, 60, 40), 0.08)),
                bevel=10,
                shadow=0.5,
                gloss=0.1,
            )
            c.body(
                c.ball(u * wide, v * wide, s * 0.95, h=0.28, wobble=0.05),
                colour,
                bevel=s * 75,
                depth=0.7,
                gloss=0.35,
                shadow=0.25,
                mottle=0.15,
                cells=96,
            )
    for name in extras:
        look = LOOKS[name]
        if name == "cherry":
            for u, v in spots:
                put(c, name, u * wide, v * wide - 0.04, 0.28 + s * 0.8, 0.8)
        elif name != "wafer":
            scatter(c, (name,), 0.30 * wide, h=0.36, scale=1.0 if look.size < 0.1 else 0.8)


def draw_fruit(c: Canvas, plate: Plate) -> None:
    """A full plate of cut fruit, heaped."""
    n = len(plate.ingredients)
    r = min(c.bed * 0.92, 0.70)
    scatter(c, plate.ingredients, r, h=0.0, dome=0.06, scale=1.25 * min(1.0, r / 0.6), share=2.6 / n + 0.3)
    scatter(
        c, plate.ingredients, r * 0.55, h=0.12, dome=0.1, scale=1.15 * min(1.0, r / 0.6), share=1.0 / n + 0.15
    )


def draw_cheese_platter(c: Canvas, plate: Plate) -> None:
    """A wheel with its wedge cut, a hard cheese, a soft one; accompaniments between."""
    rind, paste = (250, 244, 228), (255, 232, 164)
    t = np.linspace(0.5, 5.9, 30)
    wheel = np.concatenate([[[0, 0]], np.stack([np.cos(t), np.sin(t)], 1)]) * 0.34 + (-0.34, -0.26)
    c.slab(wheel, 0.16, rind, paste, bevel=6, gloss=0.1, mottle=0.05)
    for at, size, colour, holes in (
        ((0.36, -0.30), 0.50, (252, 196, 62), 6),
        ((-0.34, 0.36), 0.42, (246, 146, 44), 0),
    ):
        a = c.between(-0.3, 0.3)
        tri = np.array([[-0.75, 0.42], [0.80, 0.36], [0.30, -0.52]]) * size
        tri = (
            np.stack(
                [
                    tri[:, 0] * np.cos(a) - tri[:, 1] * np.sin(a),
                    tri[:, 0] * np.sin(a) + tri[:, 1] * np.cos(a),
                ],
                1,
            )
            + at
        )
        c.slab(tri, 0.18, colour, mix(colour, (255, 240, 180), 0.25), bevel=4, gloss=0.2, mottle=0.03)
        for du, dv in sunflower(holes, 0.12, c.between(0, 6)):
            c.body(
                c.ellipse(at[0] + du + 0.04, at[1] + dv + 0.02, c.between(0.02, 0.045), h=0.18),
                mix(colour, (150, 90, 10), 0.45),
                bevel=3,
                depth=-0.8,
                gloss=0,
                shadow=0,
            )
    spots = ((0.34, 0.30), (0.02, 0.02), (0.0, 0.56))
    for name, at in zip(plate.ingredients, spots, strict=False):
        scatter(c, (name,), 0.24, at=at, h=0.03, scale=1.05, share=0.85)


def draw_coffee(c: Canvas, plate: Plate) -> None:
    """Crema with a bright ring; milk draws a rosetta."""
    milky = "milk" in plate.ingredients or "cream" in plate.ingredients
    pool(c, (142, 84, 42) if milky else (62, 32, 16), c.bed, gloss=0.6)
    rim = c.ellipse(0, 0, c.bed * 0.93)
    c.line(np.concatenate([rim, rim[:1]]), (206, 148, 88), 3.4, lit=0.2, shadow=0)
    if "milk" in plate.ingredients:
        a, foam = c.between(-0.5, 0.5), (255, 240, 216)
        for k, s in enumerate((1.0, 0.74, 0.48)):
            t = np.linspace(0, 2 * np.pi, 40)
            heart = np.stack(
                [
                    np.sin(t) ** 3,
                    -(0.81 * np.cos(t) - 0.31 * np.cos(2 * t) - 0.13 * np.cos(3 * t) - 0.06 * np.cos(4 * t)),
                ],
                1,
            )
            heart = heart * c.bed * 0.72 * s + (0, -0.02 - 0.03 * k)
            turned = np.stack(
                [
                    heart[:, 0] * np.cos(a) - heart[:, 1] * np.sin(a),
                    heart[:, 0] * np.sin(a) + heart[:, 1] * np.cos(a),
                ],
                1,
            )
            c.body(
                c.project(turned),
                foam if k % 2 == 0 else (176, 116, 66),
                bevel=3,
                depth=0.1,
                gloss=0,
                shadow=0,
            )
    for name in plate.ingredients:
        if name != "milk":
            scale = {"cream": 1.2, "cinnamon": 0.75}.get(name, 0.85)
            scatter(c, (name,), 0.2, h=0.02, scale=scale)


def draw_tea(c: Canvas, plate: Plate) -> None:
    """A clear, glowing infusion; matcha is an opaque green."""
    colour = (
        (130, 164, 60)
        if "matcha" in plate.ingredients
        else ((206, 178, 66) if "mint" in plate.ingredients else (196, 104, 30))
    )
    pool(c, colour, c.bed, gloss=1.0)
    c.tint(c.ellipse(0.1 * c.bed, 0.15 * c.bed, c.bed * 0.5), mix(colour, (255, 236, 150), 0.5), 0.45, 18)
    if "matcha" in plate.ingredients:
        for du, dv in sunflower(26, c.bed * 0.85, c.between(0, 6)):
            x, y = c.at(du, dv)
            with c.showing("matcha", shared=True):
                c.dot(x, y, c.between(1.0, 2.4), (196, 214, 130))
    for name in plate.ingredients:
        if name == "honey":
            put(c, name, 0, 0, 0.0, 0.7)
        elif name != "matcha":
            scatter(c, (name,), 0.20, at=(0.06, 0.04), h=0.02, scale=1.0, share=0.5)


_JUICE = {
    "orange": (255, 158, 30),
    "strawberry": (240, 76, 92),
    "mango": (255, 192, 46),
    "lime": (206, 224, 120),
    "kiwi": (152, 194, 62),
    "watermelon": (244, 92, 96),
    "blueberry": (128, 84, 164),
    "carrot": (246, 124, 28),
}


def draw_cold_drink(c: Canvas, plate: Plate) -> None:
    """A tall glass: juice behind the glass wall, ice, straw, a slice on the rim."""
    flavour = plate.ingredients[0]
    colour = _JUICE[flavour]
    tall, top, foot = 1.5, 0.46, 0.36
    c.into = c.vessel
    with c.showing(plate.vessel, "vessel", shared=True):
        _column(c, 0.0, tall, foot, top, (224, 234, 238), 0.45)
    c.into = c.food
    wet = 0.82
    _column(c, 0.07, tall * wet, foot * 0.92, foot + (top - foot) * wet - 0.04, colour, 0.97)
    level = tall * wet
    pool(c, mix(colour, (255, 255, 240), 0.22), foot + (top - foot) * wet - 0.045, h=level, gloss=0.7)
    if "ice" in plate.ingredients:
        for u, h in ((-0.14, 0.95), (0.13, 0.72), (-0.05, 0.45)):
            pts = c.ball(u, 0.2, 0.13, h=h * tall * 0.8)
            c.body(
                pts[::5],
                mix(colour, (255, 255, 255), 0.5),
                bevel=6,
                depth=0.6,
                gloss=0.8,
                shadow=0,
                alpha=0.75,
            )
        scatter(c, ("ice",), 0.18, h=level, scale=0.9)
    if "tapioca" in plate.ingredients:
        for k in range(26):
            x, y = c.at(
                0.62 * foot * np.cos(k * 2.4) * (0.4 + 0.6 * c.rng.random()),
                0.25,
                0.06 + 0.36 * c.rng.random(),
            )
            with c.showing("tapioca", shared=True):
                c.dot(x, y, 4.6, (44, 28, 26))
    straw = ((232, 60, 70), (60, 150, 160), (250, 250, 246))[c.rng.integers(3)]
    x, y = c.at(0.10, 0.0, level)
    c.line(
        np.array([[x, y], [x + 0.22 * c.view.radius, y - 0.62 * c.view.radius]], np.float32),
        straw,
        5.5,
        lit=0.4,
    )
    if "mint" in plate.ingredients:
        scatter(c, ("mint",), 0.16, at=(-0.14, 0), h=level + 0.10, scale=1.2)
    _glass_shine(c, tall, top, foot)
    _rim_fruit(c, flavour, tall, top)


def _column(
    c: Canvas, low: float, high: float, r0: float, r1: float, colour: tuple[int, int, int], alpha: float
) -> None:
    a, b = c.ellipse(0, 0, r0, h=low), c.ellipse(0, 0, r1, h=high)
    n = len(a) // 2 + 1
    pts = np.concatenate([a[:n], b[:n][::-1]])
    c.body(pts, colour, bevel=26, depth=0.5, gloss=0.3, shadow=0, alpha=alpha)
    c.body(b, colour, bevel=5, depth=0.3, gloss=0.2, shadow=0, alpha=alpha)


def _glass_shine(c: Canvas, tall: float, top: float, foot: float) -> None:
    side = -1 if c.view.light[0] < 0 else 1
    for reach, width, alpha in ((0.78, 5.0, 0.62), (-0.84, 2.5, 0.4)):
        x0, y0 = c.at(side * foot * reach, foot * 0.5, 0.15)
        x1, y1 = c.at(side * top * reach, top * 0.5, tall * 0.94)
        w = width * c.unit
        strip = np.array([[x0 - w / 2, y0], [x0 + w / 2, y0], [x1 + w / 2, y1], [x1 - w / 2, y1]], np.float32)
        c.tint(strip, (255, 255, 255), alpha, 3)
    rim = c.ellipse(0, 0, top, h=tall)
    c.line(np.concatenate([rim, rim[:1]]), (240, 248, 250), 1.8, lit=0.5, shadow=0.1)


def _rim_fruit(c: Canvas, flavour: str, tall: float, top: float) -> None:
    side = 1 if c.view.light[0] < 0 else -1
    u = -side * top * 0.95
    look = LOOKS[flavour]
    if look.shape in ("slice", "disc"):
        c.body(c.ball(u, 0.1, 0.21, h=tall), look.colour, bevel=4, gloss=0.3)
        c.body(c.ball(u, 0.1, 0.175, h=tall), look.accent, bevel=4, gloss=0.3, shadow=0)
        x, y = c.at(u, 0.1, tall)
        for a in np.linspace(0, 3.14, 4, endpoint=False):
            d = np.array([np.cos(a), np.sin(a)]) * 0.16 * c.view.radius
            c.line(
                np.array((x, y), np.float32) + np.stack([-d, d]),
                mix(look.accent, (255, 255, 240), 0.5),
                1.4,
                lit=0,
                shadow=0,
            )
    else:
        put(c, flavour, u, 0.1, tall, 1.2 if look.size > 0.1 else 1.6)
