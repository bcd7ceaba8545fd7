"""One drawer per shape of the ingredient table."""

from collections.abc import Callable

import cv2
import numpy as np

from training.plates import produce
from training.plates.canvas import Canvas
from training.plates.geometry import mix, sunflower
from training.plates.ingredients import Look

Drawer = Callable[[Canvas, float, float, float, Look, float], None]  # canvas, u, v, h, look, scale


def _disc(c: Canvas, u: float, v: float, h: float, look: Look, s: float) -> None:
    r = look.size * s
    c.body(c.ellipse(u, v, r, h=h, wobble=0.06), c.vary(look.colour), bevel=5, gloss=0.2, mottle=0.12)
    c.tint(c.ellipse(u, v, r * 0.55, h=h), look.accent, 0.7, 3)


def _slice(c: Canvas, u: float, v: float, h: float, look: Look, s: float) -> None:
    r = look.size * s
    c.body(c.ellipse(u, v, r, h=h), c.vary(look.colour, 0.05), bevel=4, gloss=0.2)
    c.body(c.ellipse(u, v, r * 0.8, h=h + 0.01), look.accent, bevel=3, shadow=0, depth=0.2, gloss=0.15)
    inner = mix(look.accent, look.colour, 0.45)
    turn = c.between(0, 6.28)
    for k in range(6):
        a = turn + k * 1.047
        x, y = c.at(u + 0.42 * r * np.cos(a), v + 0.42 * r * np.sin(a), h + 0.01)
        axes = (max(1, int(r * c.view.radius * 0.22)), max(1, int(r * c.view.radius * 0.13)))
        cv2.ellipse(c.rgb, (int(x), int(y)), axes, np.degrees(a), 0, 360, inner, -1, cv2.LINE_AA)


def _ring(c: Canvas, u: float, v: float, h: float, look: Look, s: float) -> None:
    r, w = look.size * s, max(2.4, look.size * s * 20)
    pts = c.ellipse(u, v, r, r * c.between(0.75, 1), h=h, angle=c.between(0, 3))
    closed = np.concatenate([pts, pts[:1]])
    c.line(closed, look.colour, w + 1.2, lit=0)
    c.line(closed, look.accent, w * 0.55, shadow=0, lit=0.4)


def _ball(c: Canvas, u: float, v: float, h: float, look: Look, s: float) -> None:
    r = look.size * s
    colour = c.vary(look.colour, 0.12)
    c.body(
        c.ball(u, v, r, h=h + r * 0.4, wobble=0.03),
        colour,
        bevel=r * 75,
        depth=0.9,
        gloss=0.7,
        mottle=0.08,
        shadow=0.5,
    )


def _beads(c: Canvas, u: float, v: float, h: float, look: Look, s: float) -> None:
    x, y = c.at(u, v, h)
    r = look.size * s * c.view.radius / c.unit
    c.dot(x, y, r * c.between(0.9, 1.1), c.vary(mix(look.colour, look.accent, 0.2), 0.1))


def _rings(c: Canvas, u: float, v: float, h: float, look: Look, s: float) -> None:
    x, y = c.at(u, v, h)
    r = look.size * s * c.view.radius / c.unit
    c.dot(x, y, r, c.vary(look.colour, 0.12), shine=False)
    c.dot(x, y, r * 0.5, look.accent, shine=False)


def _frill(c: Canvas, u: float, v: float, h: float, look: Look, s: float) -> None:
    r = look.size * s
    n, k = 42, c.rng.integers(6, 9)
    t = np.linspace(0, 2 * np.pi, n, endpoint=False)
    rr = r * (1 + 0.16 * np.sin(k * t + c.between(0, 6)) + 0.16 * np.sin(2 * t + c.between(0, 6)))
    uv = np.stack([u + rr * np.cos(t), v + rr * np.sin(t) * 0.85], 1)
    c.body(c.project(uv, h), c.vary(look.colour, 0.16), bevel=5, depth=0.7, gloss=0.2, mottle=0.2)
    a = c.between(0, 6.28)
    for da in (-0.6, 0.0, 0.6):
        tip = (u + 0.75 * r * np.cos(a + da), v + 0.65 * r * np.sin(a + da))
        root = (u - 0.5 * r * np.cos(a), v - 0.5 * r * np.sin(a))
        c.line(c.project(np.array([root, tip]), h), look.accent, 1.2, lit=0, shadow=0)


def _leaf(c: Canvas, u: float, v: float, h: float, look: Look, s: float) -> None:
    r, a = look.size * s, c.between(0, 6.28)
    t = np.linspace(-1, 1, 13)
    w = 0.42 * (1 - t**2) ** 0.8 * (1 - 0.25 * t)
    x, y = np.concatenate([t, t[::-1]]) * r, np.concatenate([w, -w[::-1]]) * r
    ca, sa = np.cos(a), np.sin(a)
    uv = np.stack([u + x * ca - y * sa, v + x * sa + y * ca], 1)
    c.body(c.project(uv, h), c.vary(look.colour, 0.14), bevel=5, depth=0.7, gloss=0.35, drop=2.5)
    c.line(
        c.project(np.stack([u + t[1:-2:4] * r * ca, v + t[1:-2:4] * r * sa], 1), h),
        look.accent,
        1.2,
        lit=0,
        shadow=0,
    )


def _chunk(c: Canvas, u: float, v: float, h: float, look: Look, s: float) -> None:
    r = look.size * s
    pts = c.ball(u, v, r, h=h + r * 0.3, wobble=0.28, tall=c.between(0.6, 0.9))
    c.body(pts, c.vary(look.colour, 0.12), bevel=max(4.0, r * 50), depth=0.8, gloss=0.35, mottle=0.16)
    c.tint(c.ball(u + r * 0.1, v + r * 0.15, r * 0.5, h=h + r * 0.3), look.accent, 0.45, 5)


def _cube(c: Canvas, u: float, v: float, h: float, look: Look, s: float) -> None:
    r, a = look.size * s * 0.72, c.between(0, 1.57)
    t = np.array([0, 1, 2, 3]) * 1.5708 + a
    uv = np.stack([u + r * np.cos(t), v + r * np.sin(t)], 1)
    colour = c.vary(look.colour, 0.06)
    c.slab(
        uv,
        r * (1.3 if c.view.squash < 0.8 else 0.9),
        colour,
        mix(look.accent, (60, 30, 10), 0.15),
        h=h,
        bevel=4,
        gloss=0.3,
    )


def _sheet(c: Canvas, u: float, v: float, h: float, look: Look, s: float) -> None:
    r, a = look.size * s, c.between(0, 1.57)
    t = np.array([0, 1, 2, 3]) * 1.5708 + a
    uv = np.stack([u + r * np.cos(t), v + r * np.sin(t)], 1)
    c.body(c.project(uv, h + 0.02), c.vary(look.colour, 0.06), bevel=5, depth=0.4, gloss=0.2, mottle=0.06)
    c.tint(c.project((uv - (u, v)) * 0.6 + (u, v), h + 0.02), look.accent, 0.5, 5)


def _strip(c: Canvas, u: float, v: float, h: float, look: Look, s: float) -> None:
    r, a = look.size * s * 0.55, c.between(0, 3.14)
    t = np.linspace(-1, 1, 9)
    bend = c.between(0.15, 0.4) * (1 - t**2) + 0.06 * np.sin(t * 9)
    ca, sa = np.cos(a), np.sin(a)
    uv = np.stack([u + (t * ca - bend * sa) * r, v + (t * sa + bend * ca) * r], 1)
    bacon = look.accent[2] > 100
    colour = look.colour if bacon or c.rng.random() < 0.65 else look.accent
    c.line(c.project(uv, h), c.vary(colour, 0.08), 9 if bacon else 5.5, lit=0.4)
    if bacon:
        c.line(c.project(uv, h), look.accent, 2.4, lit=0, shadow=0)


def _meat(c: Canvas, u: float, v: float, h: float, look: Look, s: float) -> None:
    r, a = look.size * s, c.between(0, 3.14)
    pts = c.ellipse(u, v, r, r * 0.58, h=h + 0.03, angle=a, wobble=0.16)
    c.body(pts, c.vary(look.colour, 0.1), bevel=6, depth=0.7, gloss=0.4, mottle=0.22, cells=64)
    ca, sa = np.cos(a), np.sin(a)
    for k in (-0.25, 0.2):
        uv = np.array(
            [
                [u - r * 0.6 * ca - k * r * sa, v - r * 0.6 * sa + k * r * ca],
                [u + r * 0.6 * ca - k * r * sa, v + r * 0.6 * sa + k * r * ca],
            ]
        )
        c.line(c.project(uv, h + 0.03), look.accent, 1.6, lit=0, shadow=0)


def _fillet(c: Canvas, u: float, v: float, h: float, look: Look, s: float) -> None:
    r, a = look.size * s, c.between(-0.5, 0.5)
    pts = c.ellipse(u, v, r, r * 0.5, h=h + 0.04, angle=a, wobble=0.06)
    c.body(pts, c.vary(look.colour, 0.05), bevel=8, depth=0.55, gloss=0.5)
    for k in (-0.5, -0.15, 0.2, 0.55):
        uv = np.array(
            [[u + r * (k - 0.12), v - r * 0.32], [u + r * (k + 0.06), v], [u + r * (k - 0.06), v + r * 0.32]]
        )
        c.line(c.project(uv, h + 0.04), look.accent, 1.8, lit=0, shadow=0)


def _shred(c: Canvas, u: float, v: float, h: float, look: Look, s: float) -> None:
    r, a = look.size * s * 0.6, c.between(0, 3.14)
    d = np.array([np.cos(a), np.sin(a)]) * r
    bend = np.array([-d[1], d[0]]) * c.between(-0.4, 0.4)
    uv = np.array((u, v)) + np.stack([-d, bend, d])
    c.line(c.project(uv, h), c.vary(look.colour if c.rng.random() < 0.7 else look.accent, 0.05), 2.4, lit=0.3)


def _sprig(c: Canvas, u: float, v: float, h: float, look: Look, s: float) -> None:
    r, a = look.size * s, c.between(0, 6.28)
    radius = c.view.radius / c.unit
    c.line(c.project(np.array([[u, v], [u - r * np.cos(a), v - r * np.sin(a)]]), h), look.accent, 1.6, lit=0)
    for da in (-1.1, -0.4, 0.4, 1.1):
        x, y = c.at(u + 0.55 * r * np.cos(a + da), v + 0.55 * r * np.sin(a + da), h)
        c.dot(x, y, r * radius * 0.3, c.vary(look.colour, 0.15))


def _grains(c: Canvas, u: float, v: float, h: float, look: Look, s: float) -> None:
    a, r = c.between(0, 3.14), look.size * s
    d = np.array([np.cos(a), np.sin(a)]) * r * 0.7
    c.line(
        c.project(np.array((u, v)) + np.stack([-d, d]), h),
        c.vary(look.colour, 0.05),
        3.0,
        lit=0.2,
        shadow=0.22,
    )


def _sprinkles(c: Canvas, u: float, v: float, h: float, look: Look, s: float) -> None:
    hues = (look.colour, look.accent, (255, 214, 60), (120, 200, 90), (255, 255, 255), (250, 120, 50))
    a, r = c.between(0, 3.14), look.size * s * 0.5
    d = np.array([np.cos(a), np.sin(a)]) * r
    c.line(c.project(np.array((u, v)) + np.stack([-d, d]), h), hues[c.rng.integers(len(hues))], 3.0, lit=0.3)


def _swirl(c: Canvas, u: float, v: float, h: float, look: Look, s: float) -> None:
    for k, shrink in enumerate((1.0, 0.72, 0.44, 0.2)):
        r = look.size * s * shrink
        colour = mix(look.accent, look.colour, 0.4 + 0.2 * k)
        c.body(
            c.ellipse(u, v, r, h=h + 0.05 * k, wobble=0.07),
            colour,
            bevel=8,
            depth=0.45,
            gloss=0.3,
            shadow=0.3,
        )


def _drizzle(c: Canvas, u: float, v: float, h: float, look: Look, s: float) -> None:
    n, width = 40, 0.42 * s
    t = np.linspace(-1, 1, n)
    a = c.between(-0.5, 0.5)
    x, y = t * width, np.sin(t * 15 + c.between(0, 6)) * width * 0.62 * np.sqrt(np.clip(1.1 - t**2, 0, 1))
    uv = np.stack([u + x * np.cos(a) - y * np.sin(a), v + x * np.sin(a) + y * np.cos(a)], 1)
    c.line(c.project(uv, h + 0.03), look.colour, 5.5, lit=0.45)


def _sauce(c: Canvas, u: float, v: float, h: float, look: Look, s: float) -> None:
    c.body(
        c.ellipse(u, v, look.size * s, h=h, wobble=0.2),
        look.colour,
        bevel=9,
        depth=0.5,
        gloss=0.5,
        mottle=0.16,
    )
    for du, dv in sunflower(6, look.size * s * 0.7, c.between(0, 6)):
        c.tint(c.ellipse(u + du, v + dv, 0.07, h=h), look.accent, 0.6, 4)


def _dust(c: Canvas, u: float, v: float, h: float, look: Look, s: float) -> None:
    c.tint(c.ellipse(u, v, look.size * s, h=h), look.colour, 0.55, 16)
    for du, dv in sunflower(60, look.size * s * 1.15, c.between(0, 6)):
        x, y = c.at(u + du, v + dv, h)
        c.dot(x, y, c.between(0.6, 1.3), c.vary(look.colour, 0.15), shine=False)


SHAPES: dict[str, Drawer] = {
    "disc": _disc,
    "slice": _slice,
    "ring": _ring,
    "ball": _ball,
    "beads": _beads,
    "rings": _rings,
    "frill": _frill,
    "leaf": _leaf,
    "chunk": _chunk,
    "cube": _cube,
    "sheet": _sheet,
    "strip": _strip,
    "meat": _meat,
    "fillet": _fillet,
    "prawn": produce.prawn,
    "egg": produce.egg,
    "mushroom": produce.mushroom,
    "floret": produce.floret,
    "avocado": produce.avocado,
    "bokchoy": produce.bokchoy,
    "shred": _shred,
    "sprig": _sprig,
    "twig": produce.twig,
    "spear": produce.spear,
    "wedge": produce.wedge,
    "strawberry": produce.strawberry,
    "grains": _grains,
    "sprinkles": _sprinkles,
    "swirl": _swirl,
    "drizzle": _drizzle,
    "sauce": _sauce,
    "dust": _dust,
}
# Shapes laid once over the whole dish instead of piece by piece.
SINGLE = frozenset({"swirl", "drizzle", "sauce", "dust"})
