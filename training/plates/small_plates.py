"""Drawers: dumplings, sushi, salad, fries, fried eggs."""

import cv2
import numpy as np

from training.plates.canvas import Canvas
from training.plates.geometry import mix, sunflower
from training.plates.ingredients import LOOKS
from training.plates.layout import put, scatter
from training.plates.plate import Plate


def ring_places(n: int, radius: float, turn: float) -> list[tuple[float, float]]:
    """N places on a plate, the first in the middle from seven on; back to front."""
    inner = [(0.0, 0.0)] if n >= 6 else []
    m = n - len(inner)
    ring = [(radius * np.cos(turn + k * 6.283 / m), radius * np.sin(turn + k * 6.283 / m)) for k in range(m)]
    return sorted(inner + ring, key=lambda p: p[1])


def draw_dumplings(c: Canvas, plate: Plate) -> None:
    """Pleated parcels; the base filling tints the skin."""
    n = plate.count or 6
    skin = {"pork": (255, 242, 212), "prawn": (252, 216, 194), "spinach": (186, 210, 142)}[
        plate.ingredients[0]
    ]
    r = 0.27 if n > 5 else 0.31
    for u, v in ring_places(n, min(c.bed * 0.72, 0.50), c.between(0, 6.28)):
        pts = c.ball(u, v, r, h=0.10, wobble=0.03, tall=0.86)
        c.body(pts, c.vary(skin, 0.04), bevel=r * 80, depth=0.62, gloss=0.6, shadow=0.7, drop=5)
        x, y = c.at(u, v, 0.20)
        radius = r * c.view.radius
        turn = c.between(0, 6.28)
        for k in range(9):
            a = turn + k * 0.698
            ray = np.array([[0.12, a], [0.45, a + 0.25], [0.82, a + 0.35]])
            line = np.stack(
                [
                    x + radius * ray[:, 0] * np.cos(ray[:, 1]),
                    y + 0.8 * radius * ray[:, 0] * np.sin(ray[:, 1]),
                ],
                1,
            )
            c.line(line.astype(np.float32), mix(skin, (120, 80, 40), 0.30), 1.5, lit=0, shadow=0)
        c.body(c.ball(u, v, r * 0.22, h=0.21), mix(skin, (255, 255, 250), 0.3), bevel=5, shadow=0.35, drop=2)
    for name in plate.ingredients[1:]:
        scatter(c, (name,), 0.60, h=0.22, scale=0.9, share=0.9)


def draw_sushi(c: Canvas, plate: Plate) -> None:
    """Rolls standing in rows: nori, rice, a coloured heart; nigiri when salmon, tuna, prawn or egg leads."""
    n = plate.count or 6
    cols = 2 if n <= 4 else (3 if n <= 6 else 4)
    rows = int(np.ceil(n / cols))
    gap = (0.62, 0.52, 0.42)[cols - 2]
    for k in range(n):
        row, col = divmod(k, cols)
        in_row = min(cols, n - row * cols)
        u, v = (col - (in_row - 1) / 2) * gap * 1.04, (row - (rows - 1) / 2) * gap * 1.22
        name = plate.ingredients[k % len(plate.ingredients)]
        if row % 2 == 0 and plate.ingredients[0] in ("salmon", "tuna", "prawn", "egg"):
            _nigiri(c, u, v, gap * 0.44, plate.ingredients[0])
        else:
            _maki(c, u, v, gap * 0.44, name)


def _maki(c: Canvas, u: float, v: float, r: float, name: str) -> None:
    look = LOOKS[name]
    roof = c.slab(c.outline(u, v, r), 0.17, (34, 46, 42), (26, 36, 34), bevel=4, gloss=0.3)
    middle = roof.mean(0)
    c.body(
        middle + (roof - middle) * 0.86,
        (252, 250, 244),
        bevel=4,
        depth=0.35,
        gloss=0.1,
        shadow=0,
        mottle=0.07,
        cells=192,
    )
    heart = look.colour if name not in ("cucumber", "egg", "avocado", "sesame") else look.accent
    heart = (150, 196, 76) if name == "avocado" else heart
    if name == "roe":
        for du, dv in sunflower(14, r * 0.62, 0.4):
            put(c, "roe", u + du, v + dv, 0.18, 1.3)
        return
    with c.showing(name):
        c.body(middle + (roof - middle) * 0.48, heart, bevel=6, depth=0.5, gloss=0.4, shadow=0.2, drop=1)
        if name == "sesame":
            for du, dv in sunflower(12, r * 0.8, 0.4):
                put(c, "peppercorns", u + du, v + dv, 0.18, 0.7)


def _nigiri(c: Canvas, u: float, v: float, r: float, name: str) -> None:
    look = LOOKS[name]
    c.slab(
        c.outline(u, v, r * 0.86, r * 1.14, wobble=0.02),
        0.12,
        (252, 250, 244),
        (232, 228, 216),
        bevel=8,
        mottle=0.07,
    )
    colour = look.accent if name == "egg" else look.colour
    with c.showing(name):
        c.body(
            c.ellipse(u, v, r * 0.86, r * 1.22, h=0.16),
            colour,
            bevel=12,
            depth=0.6,
            gloss=0.7,
            shadow=0.35,
            drop=2,
        )
        for k in (-0.7, -0.25, 0.2, 0.65):
            stripe = np.array(
                [[u - r * 0.62, v + k * r - 0.03], [u, v + k * r + 0.04], [u + r * 0.62, v + k * r - 0.03]]
            )
            c.line(c.project(stripe, 0.17), mix(colour, (255, 244, 230), 0.55), 2.0, lit=0, shadow=0)
        if name == "egg":
            c.line(
                c.project(np.array([[u - r * 0.85, v], [u + r * 0.85, v]]), 0.17), (28, 40, 36), 5, lit=0.1
            )


def draw_fried_eggs(c: Canvas, plate: Plate) -> None:
    """Lacy whites and shining yolks, the rest of the breakfast beside them."""
    n = plate.count or 2
    at = {
        1: [(-0.06, -0.10)],
        2: [(-0.26, -0.16), (0.22, -0.10)],
        3: [(-0.26, -0.26), (0.26, -0.22), (0.0, 0.12)],
        4: [(-0.28, -0.36), (0.26, -0.32), (-0.26, 0.10), (0.30, 0.14)],
    }[n]
    for name in plate.ingredients:
        scatter(c, (name,), 0.30, at=(0.05, 0.42), h=0.0, scale=1.0, share=0.85)
    for u, v in at:
        c.body(c.ellipse(u, v, 0.41, wobble=0.13), (226, 186, 130), bevel=4, gloss=0.1, shadow=0.45)
        c.body(c.ellipse(u, v, 0.39, wobble=0.13), (255, 253, 246), bevel=9, depth=0.35, gloss=0.5, shadow=0)
    for u, v in at:
        c.body(
            c.ellipse(u, v, 0.165, h=0.04), (255, 178, 24), bevel=15, depth=0.6, gloss=1.2, shadow=0.2, drop=2
        )
    small = [i for i in plate.ingredients if LOOKS[i].size < 0.07]
    scatter(c, small, 0.5, at=(0.0, -0.1), h=0.05, share=0.6)


def draw_salad(c: Canvas, plate: Plate) -> None:
    """A heap of leaves in three greens, toppings tucked in and on top."""
    r = min(c.bed * 0.98, 0.78)
    c.body(c.ellipse(0, 0, r, wobble=0.06), (52, 92, 36), bevel=12, gloss=0.0, shadow=0.45)
    greens = ((112, 176, 60), (70, 138, 48), (158, 204, 92), (92, 158, 54), (142, 60, 84))
    for k, (u, v) in enumerate(sunflower(30, r * 0.86, c.between(0, 6))[::-1]):
        look = LOOKS["lettuce"]
        colour = greens[int(c.rng.integers(5 if k % 6 == 0 else 4))]
        put_leaf(c, u, v, 0.02 + 0.24 * (1 - (u * u + v * v) / (r * r)), colour, look.accent)
    n = len(plate.ingredients)
    scatter(c, plate.ingredients, r * 0.72, h=0.06, dome=0.22, scale=1.05, share=1.0 if n > 1 else 1.3)


def put_leaf(
    c: Canvas, u: float, v: float, h: float, colour: tuple[int, int, int], vein: tuple[int, int, int]
) -> None:
    """One frilly salad leaf."""
    t = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    r = 0.20 * (1 + 0.15 * np.sin(7 * t + c.between(0, 6)) + 0.2 * np.sin(2 * t + c.between(0, 6)))
    c.body(
        c.project(np.stack([u + r * np.cos(t), v + r * np.sin(t)], 1), h),
        c.vary(colour, 0.12),
        bevel=7,
        depth=0.75,
        gloss=0.3,
        mottle=0.16,
    )
    a = c.between(0, 6.28)
    c.line(
        c.project(
            np.array(
                [[u - 0.12 * np.cos(a), v - 0.12 * np.sin(a)], [u + 0.13 * np.cos(a), v + 0.13 * np.sin(a)]]
            ),
            h,
        ),
        vein,
        1.5,
        lit=0,
        shadow=0,
    )


def draw_fries(c: Canvas, plate: Plate) -> None:
    """A criss-cross heap of golden sticks, sauce over it or in a pot."""
    c.body(c.ellipse(0, 0, 0.62, 0.52, wobble=0.1), (176, 112, 34), bevel=14, gloss=0, shadow=0.55, drop=6)
    for k, (u, v) in enumerate(sunflower(58, 0.52, c.between(0, 6))[::-1]):
        a, r = c.between(0, 3.14), c.between(0.16, 0.25)
        d = np.array([np.cos(a), np.sin(a) * 0.8]) * r
        up = 0.30 * max(0.0, 1 - (u * u + v * v) / 0.27) * (0.5 + 0.5 * k / 58)
        uv = np.array((u, v)) + np.stack([-d, d])
        c.line(c.project(uv, up), c.vary((255, 208, 84), 0.10), 7.4, lit=0.4, shadow=0.5)
    c.relief(
        cv2.convexHull(c.ellipse(0, 0, 0.66, 0.56, h=0.12).astype(np.float32))[:, 0], bevel=40, depth=0.3
    )
    for name in plate.ingredients:
        if name in ("ketchup", "mayo"):
            side = -1 if name == "ketchup" else 1
            c.slab(
                c.outline(0.52 * side, 0.40, 0.21), 0.14, (244, 240, 232), (224, 218, 208), bevel=4, gloss=0.4
            )
            c.body(
                c.ellipse(0.52 * side, 0.40, 0.165, h=0.14), LOOKS[name].colour, bevel=7, gloss=0.7, shadow=0
            )
            put(c, name, 0, -0.05, 0.24, 0.9)
        else:
            scatter(c, (name,), 0.40, at=(0, -0.03), h=0.08, dome=0.22, scale=1.0, share=1.2)
