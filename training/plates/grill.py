"""Drawers: steak, raw meat, skewers, fish, fried chicken."""

import numpy as np

from training.plates.canvas import Canvas
from training.plates.geometry import mix, smooth, sunflower
from training.plates.ingredients import LOOKS
from training.plates.layout import put, scatter
from training.plates.plate import Plate


def draw_steak(c: Canvas, plate: Plate) -> None:
    """A seared cut with grill marks and a few pink slices, sides next to it."""
    cut = np.array(
        [
            [-0.52, -0.02],
            [-0.40, -0.34],
            [-0.02, -0.40],
            [0.36, -0.34],
            [0.54, -0.08],
            [0.40, 0.18],
            [0.10, 0.14],
            [-0.24, 0.24],
        ]
    )
    uv = smooth(cut, 6) * 1.26 + (0.0, -0.10)
    roof = c.slab(
        uv, 0.13, (112, 58, 34), (150, 62, 48), bevel=9, depth=0.7, gloss=0.45, mottle=0.24, cells=96
    )
    middle = roof.mean(0)
    inner = middle + (roof - middle) * 0.84
    for k in np.linspace(-0.38, 0.38, 5):
        ends = np.array([[k * 1.2 - 0.2, 0.16], [k * 1.2 + 0.2, -0.40]]) * (1, 0.8) + (0, -0.10)
        c.line(c.project(ends, 0.13), (48, 24, 16), 4.6, lit=0, shadow=0)
    c.tint(inner - np.array([4, 5], np.float32), (206, 134, 92), 0.16, 16)
    for k in range(3):
        u = -0.38 + 0.19 * k
        c.body(c.ellipse(u, 0.42, 0.14, 0.20, h=0.06, angle=0.35), (92, 46, 28), bevel=4, gloss=0.2)
        c.body(
            c.ellipse(u + 0.01, 0.42, 0.105, 0.16, h=0.07, angle=0.35),
            (212, 82, 84),
            bevel=6,
            gloss=0.4,
            shadow=0,
        )
    for name in plate.ingredients:
        look = LOOKS[name]
        if name in ("butter", "rosemary", "peppercorns"):
            scatter(c, (name,), 0.26 if look.size < 0.1 else 0.12, at=(0.02, -0.10), h=0.15, scale=1.0)
        elif look.shape == "spear":
            for k in range(5):
                put(c, name, 0.30 + 0.05 * k, 0.26 + 0.05 * k, 0.02, 0.9)
        else:
            scatter(c, (name,), 0.24, at=(0.34, 0.42), h=0.03, scale=1.0, share=0.75)


def draw_raw_meat(c: Canvas, plate: Plate) -> None:
    """Marbled raw cuts in the colour of the animal, a rim of fat, a bone for chops."""
    kind = plate.ingredients[0]
    flesh, fat = {
        "beef": ((184, 30, 42), (252, 228, 214)),
        "pork": ((240, 136, 134), (254, 238, 230)),
        "lamb": ((152, 44, 54), (250, 232, 220)),
        "chicken": ((252, 206, 180), (255, 236, 216)),
    }[kind]
    outline = np.array(
        [
            [-0.60, 0.04],
            [-0.44, -0.36],
            [0.0, -0.46],
            [0.44, -0.30],
            [0.60, 0.04],
            [0.34, 0.22],
            [0.10, 0.44],
            [-0.36, 0.40],
        ]
    )
    if kind == "chicken":
        outline = np.array(
            [
                [-0.62, -0.02],
                [-0.40, -0.36],
                [0.05, -0.34],
                [0.40, -0.16],
                [0.70, 0.14],
                [0.42, 0.20],
                [0.06, 0.36],
                [-0.42, 0.34],
            ]
        )
    uv = smooth(outline, 6) * 1.22
    roof = c.slab(uv, 0.15, fat, mix(fat, (200, 120, 110), 0.3), bevel=8, depth=0.6, gloss=0.4)
    middle = roof.mean(0)
    meat = middle + (roof - middle) * (0.97 if kind == "chicken" else 0.88)
    c.body(meat, flesh, bevel=11, depth=0.55, gloss=0.55, shadow=0, mottle=0.13)
    veins = {"beef": 24, "pork": 9, "lamb": 14, "chicken": 5}[kind]
    for du, dv in sunflower(veins, 0.50, c.between(0, 6)):
        a, s = c.between(0, 3.14), c.between(0.05, 0.13)
        t = np.linspace(-1, 1, 6)
        path = np.stack(
            [du + s * t * np.cos(a), dv * 0.85 + s * t * np.sin(a) + 0.03 * np.sin(t * 4 + du * 9)], 1
        )
        c.line(c.project(path, 0.15), mix(flesh, fat, 0.75), c.between(1.4, 2.8), lit=0, shadow=0)
    if kind in ("pork", "lamb"):
        c.body(c.ellipse(0.48, -0.12, 0.10, 0.13, h=0.17), (252, 244, 226), bevel=6, gloss=0.4, shadow=0.3)
        c.body(c.ellipse(0.48, -0.12, 0.05, 0.07, h=0.18), (206, 120, 106), bevel=4, shadow=0)
    for name in plate.ingredients[1:]:
        scatter(c, (name,), 0.22, at=(-0.42, 0.52), h=0.10, scale=1.0, share=0.7)


def draw_skewers(c: Canvas, plate: Plate) -> None:
    """Sticks with the ingredients in turn, charred."""
    n, wide = plate.count or 3, 0.92
    for k in range(n):
        v = (k - (n - 1) / 2) * (0.34 if n < 4 else 0.29)
        tilt = -0.10 + c.between(-0.03, 0.03)
        ends = np.array([[-wide, v - tilt * wide], [wide, v + tilt * wide]])
        c.line(c.project(ends, 0.08), (214, 172, 106), 3.4, lit=0.3)
        for j, u in enumerate(np.linspace(-0.60, 0.60, 6)):
            look = LOOKS[plate.ingredients[j % len(plate.ingredients)]]
            colour = look.colour if look.shape != "mushroom" else mix(look.colour, look.accent, 0.4)
            if plate.ingredients[j % len(plate.ingredients)] == "onion":
                colour = mix(look.colour, look.accent, 0.5)
            with c.showing(plate.ingredients[j % len(plate.ingredients)]):
                pts = c.ellipse(u, v + tilt * u, 0.125, 0.14, h=0.10, wobble=0.16)
                c.body(pts, c.vary(colour, 0.10), bevel=10, depth=0.8, gloss=0.5, shadow=0.5, mottle=0.18)
            c.tint(c.ellipse(u + 0.02, v + tilt * u + 0.04, 0.07, 0.04, h=0.10), (40, 18, 8), 0.5, 4)


def draw_fish(c: Canvas, plate: Plate) -> None:
    """A whole grilled fish, head to the left, with its garnish around."""
    body = np.array(
        [
            [-0.86, 0.0],
            [-0.66, -0.20],
            [-0.25, -0.31],
            [0.20, -0.22],
            [0.56, -0.07],
            [0.86, -0.30],
            [0.78, 0.0],
            [0.88, 0.26],
            [0.56, 0.07],
            [0.20, 0.22],
            [-0.25, 0.30],
            [-0.66, 0.19],
        ]
    )
    a = c.between(-0.22, 0.12)
    rot = np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
    skin = ((158, 166, 172), (186, 134, 78), (214, 128, 98))[c.rng.integers(3)]

    def place(points: list[list[float]] | np.ndarray) -> np.ndarray:
        return c.project(np.asarray(points, float) @ rot + (0, -0.03), 0.08)

    for name in plate.ingredients:
        if LOOKS[name].shape == "spear":
            for k in range(4):
                put(c, name, 0.1 + 0.05 * k, 0.36 + 0.05 * k, 0.0, 0.8)
    pts = place(smooth(body, 5))
    c.body(pts, skin, bevel=22, depth=0.8, gloss=0.6, shadow=0.65, drop=6, mottle=0.10, cells=192)
    c.tint(
        place([[-0.6, -0.16], [-0.2, -0.26], [0.4, -0.1], [0.0, -0.1], [-0.4, -0.08]]),
        mix(skin, (30, 40, 50), 0.7),
        0.5,
        8,
    )
    for u in (-0.26, -0.06, 0.14, 0.32):
        c.line(place([[u, -0.17], [u + 0.09, 0.15]]), (70, 36, 20), 4.0, lit=0, shadow=0)
    c.line(
        place([[-0.50, -0.22], [-0.44, 0.0], [-0.50, 0.20]]),
        mix(skin, (50, 30, 20), 0.5),
        2.4,
        lit=0.2,
        shadow=0,
    )
    for k in (-0.18, -0.06, 0.06, 0.18):
        c.line(place([[0.62, k * 0.4], [0.82, k]]), mix(skin, (60, 40, 30), 0.45), 1.4, lit=0, shadow=0)
    x, y = place([[-0.66, -0.05]])[0]
    c.dot(x, y, 4.2, (250, 246, 232), shine=False)
    c.dot(x, y, 2.6, (22, 20, 24))
    for name in plate.ingredients:
        look = LOOKS[name]
        if look.shape == "slice" and name != "tomato":
            for u in (-0.12, 0.14, 0.38):
                put(c, name, u, 0.0, 0.14, 0.8)
        if look.shape in ("shred", "sprig", "rings"):
            scatter(c, (name,), 0.28, at=(0.0, -0.02), h=0.12, scale=1.0)
        if look.shape != "spear":
            scatter(c, (name,), 0.24, at=(0.12, 0.46), h=0.02, scale=0.95, share=0.6)


def draw_fried_chicken(c: Canvas, plate: Plate) -> None:
    """Craggy golden drumsticks and pieces in a heap."""
    if "lettuce" in plate.ingredients:
        scatter(c, ("lettuce",), 0.62, scale=1.3)
    places = [(-0.36, -0.26), (0.32, -0.30), (-0.02, -0.04), (-0.42, 0.24), (0.40, 0.20), (0.0, 0.34)]
    for k, (u, v) in enumerate(places):
        a = c.between(-0.6, 0.6) + (3.14 if u < 0 else 0)
        if k % 2 == 0:
            tip = np.array(
                [[u + 0.15 * np.cos(a), v + 0.15 * np.sin(a)], [u + 0.44 * np.cos(a), v + 0.44 * np.sin(a)]]
            )
            c.line(c.project(tip, 0.1), (248, 232, 200), 7.5)
            for off in (-0.4, 0.4):
                knob = tip[1] + 0.035 * np.array([np.cos(a + off * 3), np.sin(a + off * 3)])
                c.body(
                    c.ball(float(knob[0]), float(knob[1]), 0.05, h=0.1),
                    (250, 236, 208),
                    bevel=6,
                    gloss=0.3,
                    drop=1,
                )
        c.body(
            c.ellipse(u, v, 0.30, 0.22, h=0.12, angle=a, wobble=0.14),
            c.vary((204, 122, 44), 0.08),
            bevel=20,
            depth=0.9,
            gloss=0.3,
            shadow=0.6,
            drop=5,
            mottle=0.22,
        )
        for du, dv in sunflower(13, 0.24, c.between(0, 6)):
            x, y = c.at(u + du, v + dv * 0.75, 0.13)
            c.dot(x, y, c.between(1.6, 3.6), c.vary((226, 154, 68), 0.22))
    rest = [i for i in plate.ingredients if i != "lettuce"]
    scatter(c, [i for i in rest if LOOKS[i].size < 0.1], 0.52, h=0.20, scale=1.1)
    for k, name in enumerate(i for i in rest if LOOKS[i].size >= 0.1):
        scatter(c, (name,), 0.2, at=(-0.45 + 0.9 * k, 0.52), h=0.03, share=0.5)
