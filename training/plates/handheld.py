"""Drawers: burger, tacos, wrap, sandwich."""

import cv2
import numpy as np

from training.plates.canvas import Canvas
from training.plates.geometry import mix, sunflower
from training.plates.ingredients import LOOKS
from training.plates.layout import put
from training.plates.plate import Plate

_BUN, _TORTILLA, _CRUMB = (216, 146, 68), (246, 216, 150), (252, 234, 196)


def draw_burger(c: Canvas, plate: Plate) -> None:
    """The stack: bottom bun, patty, fillings, glossy top bun with sesame."""
    r, h = 0.60, 0.0
    chicken = "chicken" in plate.ingredients and "beef" not in plate.ingredients
    meat = (206, 134, 60) if chicken else (98, 52, 32)
    c.slab(c.outline(0, 0, r), 0.17, (238, 196, 126), _BUN, bevel=8, mottle=0.05)
    h += 0.17
    fillings = [i for i in plate.ingredients if i not in ("beef", "chicken")]
    greens = "lettuce" in fillings
    if greens:
        for a in np.linspace(0, 6.283, 11, endpoint=False):
            put(c, "lettuce", 0.54 * np.cos(a), 0.54 * np.sin(a), h + 0.04, 0.95)
        h += 0.08
    with c.showing("chicken" if chicken else "beef"):
        c.slab(
            c.outline(0, 0, r * 1.04, wobble=0.03),
            0.20,
            mix(meat, (255, 220, 180), 0.06),
            meat,
            h=h,
            bevel=9,
            mottle=0.25,
            gloss=0.3,
        )
    h += 0.20
    for name in fillings:
        with c.showing(name):
            h = _burger_layer(c, name, r, h)
    if not fillings:
        with c.showing("chicken" if chicken else "beef"):
            c.slab(
                c.outline(0, 0, r * 1.04, wobble=0.03), 0.18, meat, meat, h=h, bevel=9, mottle=0.25, gloss=0.3
            )
        h += 0.18
    _top_bun(c, r, h)


def _burger_layer(c: Canvas, name: str, r: float, h: float) -> float:
    look = LOOKS[name]
    if name == "lettuce":
        return h
    if name == "cheese":
        t = np.array([0, 1, 2, 3]) * 1.5708 + c.between(0.4, 1.1)
        square = np.stack([np.cos(t), np.sin(t)], 1) * r * 1.28
        c.body(c.project(square, h - 0.01), look.colour, bevel=5, depth=0.5, gloss=0.4)
        return h + 0.03
    if name == "egg":
        c.body(c.ellipse(0, 0, r * 1.1, h=h, wobble=0.12), look.colour, bevel=7, gloss=0.4)
        c.body(c.ball(0.1, r * 0.9, 0.13, h=h), look.accent, bevel=8, gloss=0.8, shadow=0.2)
        return h + 0.06
    if name == "bacon":
        for u in (-0.4, -0.1, 0.25):
            ends = np.stack([np.linspace(u - 0.1, u + 0.1, 7), np.linspace(-0.7, 0.72, 7) + 0.0], 1)
            c.line(c.project(ends, h - 0.03), look.colour, 11, lit=0.35)
            c.line(c.project(ends, h - 0.03), look.accent, 3, lit=0, shadow=0)
        return h + 0.05
    for a in np.linspace(0.2, 6.48, 7, endpoint=False):
        u, v = 0.36 * np.cos(a), 0.36 * np.sin(a)
        c.slab(c.outline(u, v, 0.26), 0.10, look.accent, look.colour, h=h, bevel=4, gloss=0.3, shadow=0.2)
    return h + 0.10


def _top_bun(c: Canvas, r: float, h: float) -> None:
    rings = [
        c.ellipse(0, 0, r * 0.99 * np.sqrt(max(0.0, 1 - t * t * 0.96)), h=h + 0.34 * t)
        for t in np.linspace(0, 1, 10)
    ]
    hull = cv2.convexHull(np.concatenate(rings).astype(np.float32))[:, 0]
    c.body(hull, _BUN, bevel=40, depth=0.75, gloss=0.9, shadow=0.5, mottle=0.05)
    c.tint(hull + np.array([0, -2], np.float32), (170, 92, 34), 0.22, 20)
    x0, y0 = hull.mean(0) - (0, 0.06 * c.view.radius)
    for du, dv in sunflower(24, 0.82, c.between(0, 6)):
        x = x0 + du * r * c.view.radius
        y = y0 + dv * (hull[:, 1].max() - hull[:, 1].min()) * 0.40
        c.line(
            np.array([[x - 1.2, y], [x + 1.2, y + 0.8]], np.float32),
            (255, 240, 200),
            2.8,
            lit=0.2,
            shadow=0.35,
        )


def draw_tacos(c: Canvas, plate: Plate) -> None:
    """Folded tortillas standing side by side, fillings spilling from the opening."""
    n = plate.count or 3
    gap, s = {3: (0.46, 0.62), 4: (0.36, 0.56)}.get(n, (0.56, 0.70))
    for k in range(n):
        v = (k - (n - 1) / 2) * gap
        t = np.linspace(0, np.pi, 22)
        lean = c.between(-0.05, 0.05)
        arc = np.stack([np.cos(t) * s, v - np.sin(t) * s * 0.72 + 0.24 + lean * np.cos(t)], 1)
        back = arc + np.array((0.03, -0.10))
        c.body(
            c.project(np.concatenate([back, back[:1]])),
            (226, 176, 96),
            bevel=8,
            gloss=0.1,
            shadow=0.6,
            drop=5,
        )
        for name in plate.ingredients:
            _fill_arc(c, name, arc, v)
        c.body(
            c.project(arc + np.array((0, 0.10))),
            c.vary(_TORTILLA, 0.04),
            bevel=12,
            depth=0.6,
            gloss=0.15,
            mottle=0.08,
            drop=3,
        )
        for _ in range(9):
            a, q = c.between(0.3, 2.8), c.between(0.3, 0.95)
            c.tint(
                c.ellipse(np.cos(a) * s * q, v + 0.34 - np.sin(a) * s * 0.7 * q, c.between(0.02, 0.05)),
                (172, 100, 40),
                0.5,
                3,
            )


def _fill_arc(c: Canvas, name: str, arc: np.ndarray, v: float) -> None:
    look = LOOKS[name]
    if look.shape == "drizzle":
        put(c, name, 0, v - 0.2, 0.05, 0.8)
        return
    n = 12 if look.size < 0.08 else 7
    for i in np.linspace(2, len(arc) - 3, n).astype(int):
        u, w = arc[i] * (0.95, 1) + c.rng.normal(0, 0.03, 2) + (0, 0.02)
        put(c, name, u, w, 0.0, min(1.5, 0.15 / look.size) if look.size > 0.08 else 1.2)


def draw_wrap(c: Canvas, plate: Plate) -> None:
    """A rolled flatbread cut in two, the cut faces showing the filling."""
    for k, v in enumerate((-0.27, 0.27)):
        face_u = 0.36 if k else 0.22
        tail = face_u - 0.98
        a = c.between(-0.08, 0.08)
        t = np.linspace(-1.57, 1.57, 14)
        end = np.stack([tail + 0.06 - 0.1 * np.cos(t), v + 0.26 * np.sin(t)], 1)
        roll = np.concatenate([end, [[face_u, v + 0.26], [face_u, v - 0.26]]])
        c.body(
            c.project(roll + np.array((0, a)), 0.14),
            c.vary((240, 208, 148), 0.04),
            bevel=24,
            depth=0.9,
            gloss=0.15,
            shadow=0.6,
            drop=7,
            mottle=0.08,
        )
        for _ in range(14):
            c.tint(
                c.ellipse(
                    c.between(tail, face_u), v + a + c.between(-0.2, 0.2), c.between(0.02, 0.06), h=0.14
                ),
                (168, 104, 48),
                0.5,
                3,
            )
        c.body(c.ellipse(face_u, v + a, 0.17, 0.265, h=0.14), (228, 188, 120), bevel=4, shadow=0.2, gloss=0)
        c.body(
            c.ellipse(face_u + 0.01, v + a, 0.135, 0.225, h=0.14),
            (250, 236, 206),
            bevel=4,
            depth=-0.5,
            gloss=0,
            shadow=0,
        )
        _cut_face(c, plate.ingredients, face_u, v + a)


def _cut_face(c: Canvas, names: tuple[str, ...], u: float, v: float) -> None:
    spots = sunflower(12, 1.0, c.between(0, 6))
    for k, (du, dv) in enumerate(spots):
        name = names[k % len(names)]
        look = LOOKS[name]
        colour = look.colour if k % 2 else mix(look.colour, look.accent, 0.5)
        with c.showing(name):
            c.body(
                c.ellipse(u + du * 0.10, v + dv * 0.18, 0.055, 0.07, h=0.15, wobble=0.25),
                c.vary(colour, 0.1),
                bevel=4,
                gloss=0.3,
                shadow=0.25,
                drop=1,
            )


def draw_sandwich(c: Canvas, plate: Plate) -> None:
    """Two triangles of toast leaning together, layered cut faces to the front."""
    for k, (u, v, s) in enumerate(((-0.18, -0.22, 0.68), (0.12, 0.26, 0.75))):
        flip = -1 if k else 1
        tri = np.array([[-0.95, 0.30], [0.95, 0.30], [0.12 * flip, -0.62]]) * s + (u, v)
        smooth = np.concatenate(
            [tri[i] + (tri[(i + 1) % 3] - tri[i]) * np.linspace(0.04, 0.96, 8)[:, None] for i in range(3)]
        )
        h = c.slab(smooth, 0.12, _CRUMB, (206, 142, 72), bevel=6, mottle=0.05) is not None and 0.12
        for name in plate.ingredients * (2 if len(plate.ingredients) == 1 else 1):
            look = LOOKS[name]
            colour = (
                look.colour
                if name not in ("egg", "avocado")
                else mix(look.colour, look.accent, 0.5 if name == "egg" else 0.1)
            )
            edge = (smooth - (u, v)) * (1.05 + 0.05 * np.sin(np.arange(len(smooth)) * 1.9 + c.between(0, 6)))[
                :, None
            ] + (u, v)
            with c.showing(name):
                c.slab(edge, 0.10, colour, c.vary(colour, 0.06), h=h, bevel=4, gloss=0.3, shadow=0.15)
            h += 0.10
        roof = c.slab(smooth, 0.13, (246, 214, 154), (212, 150, 80), h=h, bevel=8, mottle=0.06, shadow=0.2)
        c.tint(roof.mean(0) + (roof - roof.mean(0)) * 0.8, (206, 134, 58), 0.55, 12)
