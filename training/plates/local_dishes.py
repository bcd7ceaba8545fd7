"""Drawers: two dishes each of three local cuisines - Malaysian, Ethiopian, Turkish. Held out."""

import numpy as np

from training.plates.canvas import Canvas
from training.plates.geometry import mix, smooth, sunflower
from training.plates.ingredients import LOOKS
from training.plates.layout import put, rice, scatter
from training.plates.plate import Plate
from training.plates.toppings import SINGLE

_ROTI, _INJERA, _FILO = (238, 192, 112), (194, 164, 130), (216, 142, 52)


def _side(c: Canvas, name: str, at: tuple[float, float], h: float = 0.02) -> None:
    """A small helping of one ingredient beside the main thing."""
    if name == "egg":
        put(c, name, at[0], at[1], h + 0.03, 1.25)
    elif LOOKS[name].shape in SINGLE:
        put(c, name, at[0], at[1], h, 1.15)
    else:
        scatter(c, (name,), 0.21, at=at, h=h, dome=0.06, scale=1.2, share=0.8)


def draw_nasi_lemak(c: Canvas, plate: Plate) -> None:
    """A dome of coconut rice with a knot of pandan, sambal in front, the sides around."""
    rice(c, (-0.06, -0.20), 0.48, (253, 251, 244), dome=0.40, grains=220)
    for a in (-0.5, 0.1, 0.6):
        blade = np.array(
            [[-0.06, -0.22], [-0.06 + 0.11 * np.sin(a), -0.28], [-0.06 + 0.24 * np.sin(a), -0.31]]
        )
        c.line(c.project(blade, 0.40), (70, 140, 62), 3.6, lit=0.4)
    spots = ((0.10, 0.40), (-0.44, 0.34), (0.56, 0.12))
    for name, at in zip(plate.ingredients, spots, strict=False):
        _side(c, name, at)


def draw_roti_canai(c: Canvas, plate: Plate) -> None:
    """A flaky folded flatbread, a swirl of layers and brown blisters, and a cup to dip it in."""
    corners = np.array([[-0.60, -0.02], [-0.50, -0.44], [0.10, -0.52], [0.44, -0.34], [0.42, 0.12],
                        [0.02, 0.38], [-0.44, 0.32]])  # fmt: skip
    uv = smooth(corners, 6) * 1.05
    for lift, shrink in ((0.0, 1.0), (0.05, 0.93), (0.10, 0.84)):
        flap = (uv - (-0.08, -0.06)) * shrink * (1 + c.rng.normal(0, 0.012, (len(uv), 1))) + (-0.08, -0.06)
        c.slab(
            flap,
            0.04,
            c.vary(_ROTI, 0.04),
            (206, 146, 72),
            h=lift,
            bevel=8,
            depth=0.6,
            gloss=0.25,
            mottle=0.14,
        )
    for k in range(7):
        t = np.linspace(0, c.between(2.2, 3.4), 14) + c.between(0, 6.28)
        r = 0.07 + 0.058 * k + 0.012 * np.sin(t * 3)
        path = np.stack([-0.08 + r * np.cos(t), -0.08 + r * 0.82 * np.sin(t)], 1)
        c.line(c.project(path, 0.14), (252, 222, 160) if k % 2 else (202, 144, 74), 2.0, lit=0.3, shadow=0.3)
    for du, dv in sunflower(17, 0.42, c.between(0, 6)):
        spot = c.ellipse(du - 0.08, dv * 0.84 - 0.08, c.between(0.025, 0.07), h=0.14, wobble=0.3)
        c.tint(spot, (140, 72, 26), c.between(0.35, 0.75), 4)
    dip, *rest = plate.ingredients
    for name, at in zip(rest, ((-0.10, -0.10), (0.10, 0.14)), strict=False):
        scatter(c, (name,), 0.26, at=at, h=0.16, scale=0.9, share=0.5)
    _dip(c, dip, 0.46, 0.40)


def _dip(c: Canvas, name: str, u: float, v: float) -> None:
    c.slab(c.outline(u, v, 0.27), 0.16, (232, 234, 236), (186, 190, 196), bevel=4, gloss=0.8)
    c.body(c.ellipse(u, v, 0.235, h=0.16), (150, 154, 160), bevel=4, depth=-0.7, gloss=0, shadow=0)
    with c.showing(name):
        look = LOOKS[name]
        c.body(
            c.ellipse(u, v, 0.215, h=0.155), look.colour, bevel=8, depth=0.3, gloss=0.7, shadow=0, mottle=0.12
        )
        for du, dv in sunflower(14, 0.18, c.between(0, 6)):
            x, y = c.at(u + du, v + dv, 0.155)
            c.dot(x, y, c.between(1.0, 2.2), c.vary(look.accent, 0.1))


def draw_injera_platter(c: Canvas, plate: Plate) -> None:
    """A wide spongy flatbread with its thousand eyes, mounds of stew all over it."""
    r = 0.90 if "plate" not in plate.vessel else 0.86
    c.slab(c.outline(0, 0, r, wobble=0.025), 0.04, _INJERA, (150, 122, 98), bevel=7, gloss=0.05, mottle=0.10)
    for du, dv in sunflower(230, r * 0.95, c.between(0, 6)):
        x, y = c.at(du + c.between(-0.02, 0.02), dv + c.between(-0.02, 0.02), 0.04)
        c.dot(x, y, c.between(0.7, 1.4), mix(_INJERA, (96, 70, 50), c.between(0.3, 0.7)), shine=False)
    turn = c.between(0, 6.283)
    ring = [
        (0.0, 0.0),
        *((0.55 * np.cos(turn + k * 1.0472), 0.55 * np.sin(turn + k * 1.0472)) for k in range(6)),
    ]
    for k, (u, v) in sorted(enumerate(ring), key=lambda spot: spot[1][1]):
        _stew(c, plate.ingredients[k % len(plate.ingredients)], u, v)


_STEWS = {
    "lentils": (190, 78, 26),
    "beef": (122, 50, 26),
    "spinach": (54, 92, 38),
    "cabbage": (222, 192, 92),
    "chickpeas": (226, 158, 44),
    "beetroot": (156, 22, 80),
    "egg": (168, 54, 26),
}


def _stew(c: Canvas, name: str, u: float, v: float) -> None:
    with c.showing(name):
        c.tint(c.ellipse(u, v, 0.25, h=0.04), mix(_STEWS[name], (90, 40, 10), 0.4), 0.45, 10)
        pts = c.ellipse(u, v, 0.225, 0.20, h=0.06, wobble=0.14)
        c.body(
            pts,
            c.vary(_STEWS[name], 0.05),
            bevel=15,
            depth=0.75,
            gloss=0.5,
            shadow=0.45,
            mottle=0.25,
            cells=96,
        )
        if name == "egg":
            put(c, name, u, v, 0.12, 0.8)
        else:
            scatter(c, (name,), 0.15, at=(u, v), h=0.09, dome=0.05, scale=0.75, share=0.55)


def draw_tibs(c: Canvas, plate: Plate) -> None:
    """Seared cubes of meat glistening in their spiced butter, what was fried with them on top."""
    r = min(c.bed * 0.96, 0.80)
    meat, *rest = plate.ingredients
    c.body(
        c.ellipse(0, 0, r, wobble=0.03),
        (120, 46, 16),
        bevel=9,
        depth=-0.2,
        gloss=0.4,
        shadow=0.3,
        mottle=0.12,
    )
    for du, dv in sunflower(18, r * 0.92, c.between(0, 6)):
        c.tint(c.ellipse(du, dv, c.between(0.03, 0.07)), (238, 150, 52), 0.5, 4)
    tone = {"beef": (120, 60, 36), "lamb": (150, 84, 54)}.get(meat, (120, 60, 36))
    with c.showing(meat):
        for u, v in sorted(sunflower(26, r * 0.78, c.between(0, 6)).tolist(), key=lambda p: p[1]):
            _cube(c, u, v, 0.02 + 0.16 * max(0.0, 1 - (u * u + v * v) / (r * r)), tone)
    scatter(c, rest, r * 0.66, h=0.12, dome=0.14, scale=1.05, share=0.8)
    c.relief(c.ellipse(0, 0, r, h=0.06), bevel=44, depth=0.25, gloss=0.1)


def _cube(c: Canvas, u: float, v: float, h: float, tone: tuple[int, int, int]) -> None:
    a, r = c.between(0, 1.57), c.between(0.10, 0.13)
    t = np.linspace(0, 6.283, 20, endpoint=False)
    x, y = (np.sign(q) * np.abs(q) ** 0.4 * r for q in (np.cos(t), np.sin(t)))
    y = y * c.between(0.6, 0.85)
    uv = np.stack([u + x * np.cos(a) - y * np.sin(a), v + x * np.sin(a) + y * np.cos(a)], 1)
    colour = c.vary(tone, 0.16)
    roof = c.slab(
        uv, 0.09, colour, mix(colour, (40, 12, 4), 0.35), h=h, bevel=6, depth=0.8, gloss=0.7, mottle=0.22
    )
    c.tint(roof.mean(0) + (roof - roof.mean(0)) * 0.5, (60, 24, 12), 0.4, 4)


def draw_lahmacun(c: Canvas, plate: Plate) -> None:
    """A thin oval flatbread, crisp at the rim, minced meat and tomato spread to its edge."""
    a = c.between(-0.25, 0.05)
    base = c.outline(0, -0.06, 0.92, 0.60, angle=a, wobble=0.035)
    c.slab(base, 0.035, (232, 186, 116), (190, 132, 70), bevel=8, depth=0.6, gloss=0.1, mottle=0.16)
    for k in range(0, len(base), 3):
        u, v = base[k] * 0.965
        c.tint(c.ellipse(u, v, c.between(0.02, 0.05), h=0.04), (112, 58, 22), c.between(0.2, 0.6), 4)
    spread = (base - (0, -0.06)) * 0.90 + (0, -0.06)
    c.body(
        c.project(spread, 0.04),
        (188, 62, 30),
        bevel=6,
        depth=0.35,
        gloss=0.3,
        shadow=0.15,
        mottle=0.3,
        cells=96,
    )
    turn = np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
    for u, v in sunflower(150, 0.80, c.between(0, 6)) * (1.0, 0.64) @ turn + (0, -0.06):
        x, y = c.at(u + c.between(-0.02, 0.02), v + c.between(-0.02, 0.02), 0.045)
        tone = ((146, 62, 36), (212, 92, 48), (172, 40, 22), (120, 48, 28))[c.rng.integers(4)]
        c.dot(x, y, c.between(1.3, 2.8), c.vary(tone, 0.1), shine=c.rng.random() < 0.4)
    for name, at in zip(plate.ingredients, ((0.52, 0.48), (-0.08, -0.08), (-0.46, 0.46)), strict=False):
        if LOOKS[name].shape in ("slice", "leaf"):
            _fan(c, name, at if abs(at[1]) > 0.2 else (0.0, 0.56))
        else:
            scatter(c, (name,), 0.44, at=(0.0, -0.06), h=0.05, scale=0.95, share=0.9)


def _fan(c: Canvas, name: str, at: tuple[float, float]) -> None:
    for k in (-1, 0, 1):
        put(c, name, at[0] + 0.12 * k, at[1] - 0.03 * abs(k), 0.06, 0.95)


def draw_baklava(c: Canvas, plate: Plate) -> None:
    """Diamonds of many leaves, glazed with syrup, ground nuts in the middle of each."""
    nut, *rest = plate.ingredients
    a, b = 0.20, 0.165
    for j in range(-3, 4):
        for i in range(-2, 3):
            u, v = 2.04 * a * (i + (j % 2) / 2), 1.06 * b * j
            if (u / 0.70) ** 2 + (v / 0.62) ** 2 < 1:
                _diamond(c, u, v, a, b, nut)
    for name in rest:
        scatter(c, (name,), 0.36, h=0.20, scale=0.65 if name == "cream" else 0.95, share=0.8)


def _diamond(c: Canvas, u: float, v: float, a: float, b: float, nut: str) -> None:
    rim = np.array([[-a, 0], [0, -b], [a, 0], [0, b]]) * 0.95
    uv = np.concatenate(
        [rim[i] + (rim[(i + 1) % 4] - rim[i]) * np.linspace(0.06, 0.94, 5)[:, None] for i in range(4)]
    )
    uv = uv + np.array((u, v))
    roof = c.slab(
        uv, 0.17, c.vary(_FILO, 0.05), (146, 84, 32), bevel=6, depth=0.6, gloss=0.8, mottle=0.10, cells=96
    )
    for h in (0.04, 0.08, 0.12):
        front = np.array([[-a, 0], [0, b], [a, 0]]) * 0.95 + (u, v)
        c.line(c.project(front, h), (214, 154, 78) if h != 0.08 else (112, 60, 22), 1.3, lit=0, shadow=0)
    c.tint(roof.mean(0) + (roof - roof.mean(0)) * 0.6, (252, 208, 116), 0.45, 9)
    for du, dv in sunflower(7, 0.065, c.between(0, 6)):
        put(c, nut, u + du, v + dv * 0.8, 0.18, 0.5)
