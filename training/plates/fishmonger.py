"""Drawers: what a fishmonger shows on crushed ice - salmon fillet, tuna loin, whole prawns. Held out."""

import numpy as np

from training.plates.canvas import Canvas
from training.plates.geometry import mix, smooth, sunflower
from training.plates.layout import scatter
from training.plates.plate import Plate

_ICE, _DEEP = (240, 247, 252), (176, 202, 220)


def crushed_ice(c: Canvas) -> None:
    """A bed of broken ice over the whole tray, bluish in its depth, glinting on top."""
    c.body(c.ellipse(0, 0, 0.92, 0.68, wobble=0.03), _DEEP, bevel=9, depth=0.3, gloss=0, shadow=0.3)
    for u, v in sunflower(120, 0.90, c.between(0, 6)):
        r = c.between(0.05, 0.085)
        pts = c.ball(u, v * 0.74, r, h=0.02, wobble=0.4, tall=c.between(0.6, 0.95))
        c.body(
            pts[::3],
            mix(_DEEP, _ICE, c.between(0.35, 1)),
            bevel=4,
            depth=0.7,
            gloss=0.9,
            shadow=0.25,
            drop=1.5,
        )


def _garnish(c: Canvas, plate: Plate, spots: tuple[tuple[float, float], ...]) -> None:
    for name, at in zip(plate.ingredients, spots, strict=False):
        scatter(c, (name,), 0.19, at=at, h=0.07, scale=1.05, share=0.6)


def draw_salmon_fillet(c: Canvas, plate: Plate) -> None:
    """A side of salmon with its white chevrons, thick at the back and thin at the belly."""
    crushed_ice(c)
    corners = [[-0.74, 0.02], [-0.52, -0.30], [0.0, -0.37], [0.48, -0.27], [0.80, -0.10], [0.72, 0.08],
               [0.30, 0.20], [-0.30, 0.26]]  # fmt: skip
    a = c.between(-0.14, 0.10)
    turn = np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
    uv = smooth(np.array(corners) * (1.0, 0.94), 6)
    c.slab(
        uv @ turn, 0.13, (250, 132, 84), (188, 150, 140), h=0.05, bevel=13, depth=0.6, gloss=0.55, mottle=0.06
    )
    upper, lower = uv[uv[:, 1] < 0], uv[uv[:, 1] >= 0]
    for u in np.linspace(-0.58, 0.66, 12):
        top = upper[np.abs(upper[:, 0] - u).argmin(), 1] * 0.84
        low = lower[np.abs(lower[:, 0] - u).argmin(), 1] * 0.80
        v = np.linspace(top, low, 9)
        bend = 0.11 * np.abs((v - top) / (low - top) - 0.55) + 0.012 * np.sin(v * 30 + u * 20)
        path = np.stack([u - bend + 0.05, v], 1) @ turn
        c.line(c.project(path, 0.18), (255, 214, 186), c.between(1.8, 2.8), lit=0.3, shadow=0)
    spine = np.stack([np.linspace(-0.66, 0.74, 15), np.linspace(-0.05, -0.04, 15)], 1) @ turn
    c.tint(c.project(np.concatenate([spine - 0.02, spine[::-1] + 0.02]), 0.18), (216, 84, 50), 0.4, 5)
    _garnish(c, plate, ((-0.46, 0.42), (0.10, 0.46), (0.58, 0.36)))


def draw_tuna_loin(c: Canvas, plate: Plate) -> None:
    """A deep red block with its grain, two steaks cut from it in front."""
    crushed_ice(c)
    block = np.array([[-0.66, 0.10], [-0.60, -0.34], [0.20, -0.42], [0.62, -0.30], [0.58, 0.0], [0.0, 0.12]])
    _cut(c, smooth(block, 6), 0.22, 6)
    for u in (-0.30, 0.02, 0.34):
        steak = np.array([[-0.20, 0.13], [-0.12, -0.12], [0.08, -0.19], [0.22, -0.06], [0.16, 0.13]])
        _cut(c, smooth(steak + np.array((u, 0.33)), 6), 0.06, 4)
    _garnish(c, plate, ((-0.70, 0.30), (0.72, 0.26), (-0.72, -0.34)))


def _cut(c: Canvas, uv: np.ndarray, tall: float, rings: int) -> None:
    red, dark, pale = (184, 26, 46), (124, 12, 32), (222, 96, 100)
    roof = c.slab(uv, tall, red, dark, h=0.05, bevel=9, depth=0.5, gloss=0.6, shadow=0.55, mottle=0.08)
    middle = uv.mean(0)
    for k in np.linspace(0.22, 0.88, rings):
        ring = middle + (np.roll(uv, int(c.rng.integers(len(uv))), 0) - middle) * k
        path = ring[: int(len(ring) * c.between(0.6, 0.95))]
        c.line(c.project(path, 0.05 + tall), mix(red, pale, c.between(0.35, 0.75)), 1.6, lit=0, shadow=0)
    c.tint(roof.mean(0) + (roof - roof.mean(0)) * 0.3 + np.array([0, -4], np.float32), pale, 0.2, 14)


def draw_whole_prawns(c: Canvas, plate: Plate) -> None:
    """Prawns with head and feelers, side by side on the ice."""
    crushed_ice(c)
    for k, v in enumerate((-0.34, 0.01, 0.36)):
        for u in (-0.42, 0.40):
            _prawn(c, u + 0.07 * (k % 2) + c.between(-0.02, 0.02), v, c.between(-0.10, 0.10))
    _garnish(c, plate, ((0.0, 0.16), (0.70, -0.44), (-0.70, 0.46)))


def _prawn(c: Canvas, u: float, v: float, tilt: float) -> None:
    shell, stripe = c.vary((240, 138, 98), 0.06), (206, 82, 56)
    turn = np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])

    def place(points: list[list[float]] | np.ndarray) -> np.ndarray:
        return c.project(np.asarray(points, float) @ turn * 1.3 + (u, v), 0.10)

    for reach in (0.06, -0.02):
        feeler = [[-0.26, 0.0], [-0.33, -0.08 - reach], [-0.24, -0.15 - reach], [-0.06, -0.17 - reach]]
        c.line(place(feeler), (222, 96, 70), 1.2, lit=0, shadow=0.3)
    for x in np.linspace(-0.16, 0.14, 6):
        c.line(place([[x, 0.04], [x - 0.03, 0.12]]), stripe, 1.5, lit=0.2, shadow=0.3)
    for side in (-1, 1):
        fan = [[0.25, 0.02], [0.37, 0.02 + 0.09 * side], [0.39, 0.03 + 0.02 * side], [0.30, 0.02]]
        c.body(place(fan), stripe, bevel=4, gloss=0.4)
    body = [[-0.30, -0.01], [-0.18, -0.09], [0.04, -0.11], [0.20, -0.05], [0.29, 0.02], [0.20, 0.06],
            [0.0, 0.04], [-0.18, 0.06]]  # fmt: skip
    c.body(place(smooth(np.array(body), 5)), shell, bevel=9, depth=0.8, gloss=0.8, shadow=0.55, drop=3)
    for x in (-0.06, 0.02, 0.10, 0.18):
        ring = [[x, -0.095 + 0.15 * max(0.0, x - 0.04)], [x + 0.035, -0.02], [x + 0.01, 0.04]]
        c.line(place(ring), stripe, 1.6, lit=0.2, shadow=0)
    head = [[-0.36, 0.0], [-0.22, -0.085], [-0.10, -0.075], [-0.10, 0.05], [-0.22, 0.055]]
    c.body(
        place(smooth(np.array(head), 5)), mix(shell, stripe, 0.45), bevel=7, depth=0.7, gloss=0.6, shadow=0
    )
    x, y = place([[-0.285, -0.03]])[0]
    c.dot(x, y, 2.0, (20, 16, 18))
