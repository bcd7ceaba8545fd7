"""Topping shapes with a silhouette of their own: eggs, prawns, vegetables, fruit."""

import numpy as np

from training.plates.canvas import Canvas
from training.plates.geometry import mix, sunflower
from training.plates.ingredients import Look


def egg(c: Canvas, u: float, v: float, h: float, look: Look, s: float) -> None:
    """Half a boiled egg."""
    r, a = look.size * s, c.between(-0.7, 0.7)
    c.body(
        c.ellipse(u, v, r, r * 0.8, h=h + 0.03, angle=a),
        look.colour,
        bevel=7,
        depth=0.35,
        gloss=0.4,
        shadow=0.5,
    )
    c.body(
        c.ellipse(u + 0.05 * r, v, r * 0.52, h=h + 0.04), look.accent, bevel=9, depth=0.5, gloss=0.9, shadow=0
    )


def prawn(c: Canvas, u: float, v: float, h: float, look: Look, s: float) -> None:
    """A curled prawn with its tail."""
    r, a = look.size * s * 0.72, c.between(0, 6.28)
    t = np.linspace(0, 4.0, 12)
    radius = c.view.radius / c.unit
    for k, angle in enumerate(t + a):
        x, y = c.at(u + r * np.cos(angle), v + r * np.sin(angle), h)
        c.dot(x, y, (0.58 - 0.034 * k) * r * radius, look.colour if k % 3 else look.accent, shine=k % 3 == 1)
    end = t[-1] + a
    tail = np.array(
        [
            [u + r * np.cos(end), v + r * np.sin(end)],
            [u + 1.2 * r * np.cos(end + 0.7), v + 1.2 * r * np.sin(end + 0.7)],
        ]
    )
    c.line(c.project(tail, h), (228, 84, 48), 3.2, lit=0)


def mushroom(c: Canvas, u: float, v: float, h: float, look: Look, s: float) -> None:
    """A slice of mushroom."""
    r, a = look.size * s, c.between(0, 6.28)
    t = np.linspace(0, np.pi, 12)
    x = np.concatenate([np.cos(t), [-0.28, -0.32, 0.32, 0.28]]) * r
    y = np.concatenate([-np.sin(t) * 0.85, [0.05, 0.8, 0.8, 0.05]]) * r
    ca, sa = np.cos(a), np.sin(a)
    uv = np.stack([u + x * ca - y * sa, v + x * sa + y * ca], 1)
    c.body(c.project(uv, h), look.accent, bevel=4, gloss=0.2)
    c.body(
        c.project((uv - (u, v)) * 0.76 + (u, v), h + 0.01),
        c.vary(look.colour, 0.06),
        bevel=5,
        shadow=0,
        gloss=0.1,
    )


def floret(c: Canvas, u: float, v: float, h: float, look: Look, s: float) -> None:
    """A floret on its stem."""
    r, a = look.size * s, c.between(0, 6.28)
    stem = np.array([[u, v], [u + r * np.cos(a), v + r * np.sin(a)]])
    c.line(c.project(stem, h), (170, 204, 110), 6)
    radius = c.view.radius / c.unit
    for du, dv in sunflower(9, r * 0.75, a):
        x, y = c.at(u + du - 0.25 * r * np.cos(a), v + dv - 0.25 * r * np.sin(a), h + 0.05)
        c.dot(x, y, r * radius * 0.34, c.vary(mix(look.colour, look.accent, c.between(0, 0.5)), 0.12))


def avocado(c: Canvas, u: float, v: float, h: float, look: Look, s: float) -> None:
    """Three fanned slices."""
    r, a = look.size * s, c.between(0, 3.14)
    for k in range(3):
        du, dv = (k - 1) * 0.36 * r * -np.sin(a), (k - 1) * 0.36 * r * np.cos(a)
        pts = c.ellipse(u + du, v + dv, r, r * 0.3, h=h + 0.02 * k, angle=a)
        c.body(pts, look.accent, bevel=3, gloss=0.1, drop=2)
        inner = c.ellipse(u + du, v + dv, r * 0.9, r * 0.2, h=h + 0.02 * k, angle=a)
        c.body(inner, mix(look.colour, (238, 236, 160), 0.25 * k), bevel=4, shadow=0, gloss=0.25)


def bokchoy(c: Canvas, u: float, v: float, h: float, look: Look, s: float) -> None:
    """A halved head, green leaf and pale stem."""
    r, a = look.size * s, c.between(-1, 1)
    ca, sa = np.cos(a), np.sin(a)
    c.body(
        c.ellipse(u + 0.45 * r * ca, v + 0.45 * r * sa, r * 0.7, r * 0.45, h=h, angle=a, wobble=0.12),
        look.colour,
        bevel=8,
        depth=0.7,
        gloss=0.3,
        mottle=0.15,
    )
    c.body(
        c.ellipse(u - 0.35 * r * ca, v - 0.35 * r * sa, r * 0.65, r * 0.26, h=h, angle=a),
        look.accent,
        bevel=7,
        gloss=0.3,
    )


def strawberry(c: Canvas, u: float, v: float, h: float, look: Look, s: float) -> None:
    """A whole strawberry, standing."""
    r, a = look.size * s, c.between(-0.6, 0.6)
    t = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    x = np.sin(t) * (0.78 - 0.28 * np.cos(t + np.pi)) * r
    y = -np.cos(t) * r
    ca, sa = np.cos(a), np.sin(a)
    px, py = c.at(u, v, h + r * 0.4)
    pts = (np.stack([x * ca + y * sa, x * sa - y * ca], 1) * c.view.radius + (px, py)).astype(np.float32)
    c.body(pts, c.vary(look.colour, 0.06), bevel=r * 60, depth=0.8, gloss=0.7, shadow=0.5)
    for du, dv in sunflower(7, r * 0.62, a):
        c.dot(px + du * c.view.radius, py + dv * c.view.radius, 1.1, (255, 222, 120), shine=False)
    for k in (-0.7, 0.0, 0.7):
        top = np.array([px + sa * r * c.view.radius * 0.75, py - ca * r * c.view.radius * 0.75])
        tip = top + np.array([np.sin(a + k), -np.cos(a + k)]) * r * c.view.radius * 0.5
        c.line(np.stack([top, tip]).astype(np.float32), (76, 150, 56), 3.4, lit=0.2)


def spear(c: Canvas, u: float, v: float, h: float, look: Look, s: float) -> None:
    """One spear with a darker tip."""
    r, a = look.size * s * 0.6, c.between(-0.12, 0.12) - 0.5
    ends = np.array([[u - r * np.cos(a), v - r * np.sin(a)], [u + r * np.cos(a), v + r * np.sin(a)]])
    c.line(c.project(ends, h), c.vary(look.colour, 0.06), 6.5)
    tip = ends[1] + (ends[1] - ends[0]) * np.array([[-0.18], [0.04]])
    c.line(c.project(tip, h), look.accent, 7.5, shadow=0, lit=0.2)


def wedge(c: Canvas, u: float, v: float, h: float, look: Look, s: float) -> None:
    """A wedge with its rind."""
    r, a = look.size * s, c.between(0, 6.28)
    t = np.linspace(-0.75, 0.75, 9) + a
    apex = np.array([[u - 0.5 * r * np.cos(a), v - 0.5 * r * np.sin(a)]])
    arc = apex + r * 1.25 * np.stack([np.cos(t), np.sin(t)], 1)
    c.body(c.project(np.concatenate([apex, arc]), h + 0.03), look.accent, bevel=4, gloss=0.2)
    inner = apex + (arc - apex) * 0.87
    c.body(
        c.project(np.concatenate([apex, inner]), h + 0.04),
        c.vary(look.colour, 0.05),
        bevel=6,
        shadow=0,
        gloss=0.3,
    )
    if look.accent[1] > 100 and look.accent[0] < 100:
        for k in (2, 4, 6):
            seed = apex[0] + (arc[k] - apex[0]) * 0.6
            x, y = c.at(float(seed[0]), float(seed[1]), h + 0.04)
            c.dot(x, y, 1.5, (40, 24, 24), shine=False)


def twig(c: Canvas, u: float, v: float, h: float, look: Look, s: float) -> None:
    """A needled twig."""
    r, a = look.size * s, c.between(-0.6, 0.6)
    ca, sa = np.cos(a), np.sin(a)
    c.line(c.project(np.array([[u - r * ca, v - r * sa], [u + r * ca, v + r * sa]]), h), (96, 82, 54), 2)
    for t in np.linspace(-0.9, 0.95, 12):
        for side in (-1, 1):
            root = np.array([u + t * r * ca, v + t * r * sa])
            tip = root + r * 0.26 * np.array([np.cos(a + side * 0.9), np.sin(a + side * 0.9)])
            c.line(c.project(np.stack([root, tip]), h), c.vary(look.colour, 0.18), 2.2, lit=0.25)
