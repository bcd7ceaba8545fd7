"""The ways to lay ingredients out on a dish."""

from collections.abc import Iterable

import cv2
import numpy as np

from training.plates.canvas import Canvas
from training.plates.geometry import circle, sunflower
from training.plates.ingredients import LOOKS
from training.plates.toppings import SHAPES, SINGLE

# Below this size (vessel radii) pieces are crumbs: painted last, and one instance together.
SMALL = 0.07


def put(c: Canvas, name: str, u: float, v: float, h: float = 0.0, scale: float = 1.0) -> None:
    """One piece of an ingredient at plate coordinates (u, v), height h."""
    look = LOOKS[name]
    with c.showing(name, shared=look.size < SMALL):
        SHAPES[look.shape](c, float(u), float(v), h, look, scale)


def scatter(
    c: Canvas,
    names: Iterable[str],
    radius: float,
    *,
    at: tuple[float, float] = (0.0, 0.0),
    h: float = 0.0,
    dome: float = 0.0,
    scale: float = 1.0,
    share: float = 1.0,
) -> None:
    """Ingredients spread over a disc, painted from the back forwards; dome lifts the middle that much."""
    pieces: list[tuple[float, float, float, str]] = []
    for name in names:
        look = LOOKS[name]
        if look.shape in SINGLE:
            put(c, name, at[0], at[1], h + dome * 0.8, scale)
            continue
        places = sunflower(max(1, round(look.pieces * share)), radius, c.between(0, 6.28))
        places = places + c.rng.normal(0, radius * 0.07, places.shape)
        for u, v in places:
            lifted = h + dome * max(0.0, 1 - (u * u + v * v) / (radius * radius))
            pieces.append((float(v), float(u), lifted, name))
    for v, u, lifted, name in sorted(pieces, key=lambda p: (LOOKS[p[3]].size < SMALL, p[0])):
        put(c, name, at[0] + u, at[1] + v, lifted, scale)


def strands(
    c: Canvas,
    colour: tuple[int, int, int],
    n: int,
    radius: float,
    *,
    h: float = 0.0,
    dome: float = 0.0,
    width: float = 4.2,
    lit: float = 0.45,
) -> None:
    """A nest of n noodle strands: arcs that follow and cross the heap, later ones on top."""
    t = np.linspace(0, 1, 13)
    for k in range(n):
        r = radius * np.sqrt(c.rng.random()) * 0.9
        a0, sweep = c.between(0, 6.283), c.between(1.2, 3.0) * (1 if k % 3 else -1)
        angle = a0 + sweep * t
        rr = r * (0.75 + 0.25 * np.sin(t * c.between(3, 7) + a0))
        shift = c.rng.normal(0, radius * 0.12, 2)
        u, v = shift[0] + rr * np.cos(angle), shift[1] + rr * np.sin(angle)
        reach = np.maximum(1.0, np.hypot(u, v) / radius)
        uv = np.stack([u / reach, v / reach], 1)
        lifted = h + dome * (0.25 + 0.75 * k / n) * np.clip(1 - (uv**2).sum(1) / (radius * radius), 0, 1)
        c.line(c.project(uv, lifted), c.vary(colour, 0.10), width, lit=lit, shadow=0.5)


def rice(
    c: Canvas,
    at: tuple[float, float],
    radius: float,
    colour: tuple[int, int, int],
    *,
    h: float = 0.0,
    dome: float = 0.2,
    grains: int = 130,
) -> None:
    """A mound of rice: body, grains, then light over the whole dome."""
    u, v = at
    base = c.ellipse(u, v, radius, h=h, wobble=0.05)
    heap = c.ellipse(u, v, radius * 0.96, h=h + dome * 0.45, wobble=0.03)
    hull = np.concatenate([base, heap])
    hull = cv2.convexHull(hull)[:, 0]
    c.body(hull, tuple(int(x * 0.86) for x in colour), bevel=12, depth=0.4, gloss=0, shadow=0.5)
    places = sunflower(grains, radius * 0.95, c.between(0, 6))
    turns = c.rng.random(grains) * 3.14
    for (du, dv), turn in zip(places, turns, strict=True):
        up = h + dome * max(0.0, 1 - (du * du + dv * dv) / (radius * radius))
        d = np.array([np.cos(turn), np.sin(turn)]) * 0.038
        c.line(
            c.project(np.array((u + du, v + dv)) + np.stack([-d, d]), up),
            c.vary(colour, 0.06),
            3.1,
            lit=0.25,
            shadow=0.2,
        )
    c.relief(hull, bevel=radius * 70, depth=0.42)


def pool(
    c: Canvas,
    colour: tuple[int, int, int],
    radius: float,
    *,
    at: tuple[float, float] = (0.0, 0.0),
    h: float = 0.0,
    gloss: float = 0.5,
    droplets: int = 0,
    wobble: float = 0.0,
) -> None:
    """A liquid surface: darker towards the wall's shadow, a bright meniscus, a sheen, drops of oil."""
    u, v = at
    pts = c.ellipse(u, v, radius, h=h, wobble=wobble)
    c.body(
        pts,
        colour,
        bevel=9,
        depth=-0.22 if not wobble else 0.3,
        gloss=0,
        shadow=0.25,
        drop=2,
        mottle=0.05,
        cells=8,
    )
    lx, ly = c.view.light
    c.tint(
        c.ellipse(u + lx * radius * 0.45, v + ly * radius * 0.45, radius * 0.55, radius * 0.4, h=h),
        (20, 8, 0),
        0.10,
        30,
    )
    c.tint(
        c.ellipse(u - lx * radius * 0.3, v - ly * radius * 0.3, radius * 0.5, radius * 0.3, h=h, angle=-0.7),
        (255, 250, 236),
        0.22 * gloss,
        30,
    )
    for _ in range(droplets):
        a, r = c.between(0, 6.283), radius * 0.92 * np.sqrt(c.rng.random())
        x, y = c.at(u + r * np.cos(a), v + r * np.sin(a), h)
        size = c.between(1.2, 3.6) * c.unit
        circle(c.rgb, x, y, size, [min(255, int(q * 1.18 + 14)) for q in colour])
        circle(c.rgb, x + lx * size * 0.4, y + ly * size * 0.4, size * 0.3, (255, 248, 226))
    arc = c.ellipse(u, v, radius * 0.93, h=h)
    start = int((np.arctan2(-ly, -lx) % 6.283) / 6.283 * len(arc)) - 4
    c.line(
        np.roll(arc, -start, 0)[:9],
        [min(255, int(q * 1.25 + 30)) for q in colour],
        2.0,
        lit=0.3 * gloss,
        shadow=0,
    )
