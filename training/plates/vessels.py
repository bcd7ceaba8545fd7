"""Vessels by name: boards, leaves, paper and trays here, what is turned on a wheel in turned.py."""

from collections.abc import Callable

import numpy as np

from training.plates import turned
from training.plates.canvas import Canvas
from training.plates.geometry import mix


def _board(c: Canvas, vessel: str) -> None:
    del vessel
    long, colour = c.rng.random() < 0.5, ((168, 110, 62), (140, 86, 48), (198, 148, 96))[c.rng.integers(3)]
    t = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    p = 0.12 if long else 0.5
    x, y = np.cos(t), np.sin(t)
    uv = np.stack([np.sign(x) * np.abs(x) ** p, np.sign(y) * np.abs(y) ** p], 1) * (
        (1.0, 0.86) if long else (0.98, 0.98)
    )
    c.into = c.vessel
    c.shade(c.project(uv, -0.1), 0.6, 9, 16)
    roof = c.slab(
        uv, 0.09, colour, mix(colour, (50, 24, 8), 0.4), h=-0.1, bevel=5, depth=0.4, mottle=0.05, gloss=0.1
    )
    for v in np.linspace(-0.8, 0.8, 17):
        reach = 0.95 if long else 0.97 * np.sqrt(max(0.0, 1 - (v / 1.02) ** 4))
        uvs = np.stack(
            [np.linspace(-reach, reach, 9), v + 0.03 * np.sin(np.linspace(0, 5, 9) + c.between(0, 6))], 1
        )
        c.line(c.project(uvs, 0), mix(colour, (70, 34, 12), c.between(0.1, 0.28)), 1.2, lit=0, shadow=0)
    c.relief(roof, bevel=60, depth=0.12)
    c.bed, c.level = 0.76, 0.0


def _leaf(c: Canvas, vessel: str) -> None:
    del vessel
    a, t = c.between(-0.25, 0.25), np.linspace(-1, 1, 40)
    w = 0.86 * (1 - np.abs(t) ** 3.2) ** 0.6
    x, y = np.concatenate([t, t[::-1]]) * 1.12, np.concatenate([w, -w[::-1]])
    uv = np.stack([x * np.cos(a) - y * np.sin(a), x * np.sin(a) + y * np.cos(a)], 1)
    c.into = c.vessel
    c.body(c.project(uv), (70, 138, 58), bevel=10, depth=0.45, gloss=0.25, shadow=0.6, drop=6, mottle=0.1)
    for k in np.linspace(-0.95, 0.95, 26):
        for side in (-1, 1):
            ends = np.array([[k, 0], [k + 0.12, side * 0.84 * (1 - abs(k) ** 3.2) ** 0.6]]) * (1.08, 0.95)
            rot = np.stack(
                [
                    ends[:, 0] * np.cos(a) - ends[:, 1] * np.sin(a),
                    ends[:, 0] * np.sin(a) + ends[:, 1] * np.cos(a),
                ],
                1,
            )
            c.line(c.project(rot), (98, 164, 76) if side > 0 else (52, 112, 46), 1.2, lit=0, shadow=0)
    c.line(
        c.project(np.array([[-1.1 * np.cos(a), -1.1 * np.sin(a)], [1.1 * np.cos(a), 1.1 * np.sin(a)]])),
        (176, 204, 110),
        3,
        lit=0.3,
    )
    c.bed, c.level = 0.7, 0.0


def _paper(c: Canvas, vessel: str) -> None:
    del vessel
    a = c.between(-0.2, 0.2)
    t = np.array([0, 1, 2, 3]) * 1.5708 + 0.785 + a
    corners = np.stack([np.cos(t), np.sin(t)], 1) * c.rng.uniform(1.12, 1.25, (4, 1))
    steps = np.linspace(0, 1, 12, endpoint=False)[:, None]
    edge = np.concatenate([corners[i] + (corners[(i + 1) % 4] - corners[i]) * steps for i in range(4)])
    uv = edge * (1 + c.rng.normal(0, 0.012, (48, 1)))
    colour = ((232, 218, 192), (250, 246, 238), (206, 176, 136))[c.rng.integers(3)]
    c.into = c.vessel
    c.body(c.project(uv), colour, bevel=4, depth=0.3, gloss=0.0, shadow=0.5, drop=4, mottle=0.05, cells=8)
    for _ in range(7):
        ends = c.rng.uniform(-0.9, 0.9, (2, 2)) * 0.9
        c.line(c.project(ends), mix(colour, (255, 255, 255), 0.25), 1.2, lit=0, shadow=0.10)
    c.bed, c.level = 0.74, 0.0


def _tray(c: Canvas, vessel: str) -> None:
    del vessel
    t = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    x, y = np.cos(t), np.sin(t)
    uv = np.stack([np.sign(x) * np.abs(x) ** 0.25 * 1.04, np.sign(y) * np.abs(y) ** 0.25 * 0.8], 1)
    c.into = c.vessel
    c.slab(uv, 0.08, (206, 210, 214), (140, 144, 150), h=-0.08, bevel=5, depth=0.8, gloss=0.6)
    c.body(
        c.project(uv * (0.92, 0.9), -0.02),
        (178, 182, 188),
        bevel=4,
        depth=-0.8,
        gloss=0,
        shadow=0,
        mottle=0.08,
        cells=192,
    )
    c.tint(c.project(uv * 0.5 + (-0.3, -0.2), -0.02), (236, 240, 244), 0.5, 30)
    c.bed, c.level = 0.7, -0.02


_VESSELS: dict[str, Callable[[Canvas, str], None]] = {
    "white plate": turned.plate,
    "dark plate": turned.plate,
    "blue plate": turned.plate,
    "white bowl": turned.bowl,
    "dark bowl": turned.bowl,
    "clay bowl": turned.bowl,
    "wooden board": _board,
    "banana leaf": _leaf,
    "paper sheet": _paper,
    "metal tray": _tray,
    "iron pan": turned.pan,
    "bamboo steamer": turned.steamer,
    "white cup": turned.cup,
    "clay cup": turned.cup,
    "glass cup": turned.glass_cup,
    "glass": turned.glass,
}


BOWL_LIKE = frozenset({"white bowl", "dark bowl", "clay bowl"})


def paint_vessel(c: Canvas, vessel: str) -> None:
    """Draw the vessel, mark its mask, set the food bed (radius and level); all painted next is food."""
    _VESSELS[vessel](c, vessel)
    c.into = c.food
