"""Drawers: noodles, rice, curry, soups, porridge and stir fry."""

from contextlib import nullcontext

import numpy as np

from training.plates.canvas import Canvas
from training.plates.geometry import mix, sunflower
from training.plates.ingredients import LOOKS
from training.plates.layout import pool, put, rice, scatter, strands
from training.plates.plate import Plate
from training.plates.vessels import BOWL_LIKE

_CURRY = {
    "spinach": (82, 112, 42),
    "tomato": (206, 70, 26),
    "paneer": (226, 120, 40),
    "prawn": (232, 140, 62),
    "lamb": (150, 74, 32),
    "chickpeas": (210, 134, 48),
    "chilli": (196, 52, 26),
}
_BROTH = {
    "beef": (164, 98, 46),
    "prawn": (228, 132, 62),
    "chilli": (206, 84, 34),
    "pork": (232, 200, 150),
    "tofu": (222, 186, 122),
}
_FLAT = ("rings", "beads", "shred", "sprig")


def draw_noodle_soup(c: Canvas, plate: Plate) -> None:
    """Broth with oil drops, noodles just under the surface, toppings in sectors."""
    broth = next((_BROTH[i] for i in plate.ingredients if i in _BROTH), (206, 150, 78))
    pool(c, broth, c.bed, droplets=26)
    strands(c, (250, 222, 148), 34, c.bed * 0.80, h=0.0, dome=0.06, width=4.6)
    c.relief(c.ellipse(0, 0, c.bed * 0.85), bevel=40, depth=0.2)
    turn = c.between(0, 6.283)
    names = sorted(plate.ingredients, key=lambda i: LOOKS[i].size < 0.08)
    for k, name in enumerate(names):
        look = LOOKS[name]
        a = turn + k * 6.283 / len(names)
        reach = 0.36 if len(names) > 1 else 0.12
        if look.shape in _FLAT:
            scatter(c, (name,), 0.5, h=0.06, share=1.1)
        else:
            scatter(
                c,
                (name,),
                0.34,
                at=(reach * np.cos(a), reach * np.sin(a)),
                h=0.06,
                scale=1.35,
                share=0.62 if len(names) > 1 else 0.9,
            )


def draw_stir_fried_noodles(c: Canvas, plate: Plate) -> None:
    """A glossy brown heap of noodles with the rest tossed in."""
    r = min(c.bed * 1.02, 0.76)
    c.body(c.ellipse(0, 0, r, wobble=0.06), (130, 74, 28), bevel=14, gloss=0.2, shadow=0.55, drop=5)
    strands(c, (198, 126, 50), 44, r, dome=0.30, width=5.0)
    scatter(c, plate.ingredients, r * 0.8, dome=0.26, scale=1.05, share=0.8)
    strands(c, (214, 144, 62), 12, r * 0.9, h=0.03, dome=0.30, width=5.0)
    c.relief(c.ellipse(0, 0, r, h=0.05), bevel=46, depth=0.35)
    scatter(c, plate.ingredients, r * 0.6, h=0.05, dome=0.26, scale=1.05, share=0.45)


def draw_pasta(c: Canvas, plate: Plate) -> None:
    """A pale spaghetti nest under its sauce."""
    r = 0.66
    c.body(c.ellipse(0, 0, r, wobble=0.05), (206, 152, 64), bevel=14, gloss=0.2, shadow=0.55, drop=5)
    strands(c, (250, 214, 124), 54, r, dome=0.26, width=4.0)
    c.relief(c.ellipse(0, 0, r, h=0.05), bevel=44, depth=0.4)
    sauce = next((i for i in plate.ingredients if LOOKS[i].shape == "sauce"), None)
    if sauce is not None:
        put(c, sauce, 0, 0, 0.24, 1.02)
        strands(c, mix((250, 214, 124), LOOKS[sauce].colour, 0.35), 7, 0.36, h=0.2, dome=0.06, width=4.0)
    rest = [i for i in plate.ingredients if i != sauce]
    scatter(c, rest, 0.36, h=0.22, dome=0.05, scale=1.0, share=0.8)


def draw_fried_rice(c: Canvas, plate: Plate) -> None:
    """A golden mound with everything mixed in."""
    r = min(c.bed * 0.95, 0.66)
    rice(c, (0, 0), r, (246, 196, 92), dome=0.34, grains=240)
    small = [i for i in plate.ingredients if LOOKS[i].size < 0.12]
    big = [i for i in plate.ingredients if i not in small]
    scatter(c, small, r * 0.85, dome=0.32, scale=0.95, share=1.3)
    scatter(c, big, r * 0.7, dome=0.34, scale=0.95, share=0.8)


def draw_rice_bowl(c: Canvas, plate: Plate) -> None:
    """White rice filling the bowl, toppings in neat sectors around the middle."""
    r = min(c.bed, 0.84)
    rice(c, (0, 0), r, (252, 250, 244), dome=0.14, grains=230)
    turn = c.between(0, 6.283)
    n = len(plate.ingredients)
    for k, name in enumerate(plate.ingredients):
        a = turn + k * 6.283 / n
        reach = 0.38 if n > 1 else 0.16
        look = LOOKS[name]
        scatter(
            c,
            (name,),
            0.36 if n > 1 else 0.48,
            at=(reach * np.cos(a), reach * np.sin(a)),
            h=0.12,
            scale=1.2,
            share=1.5 if look.shape == "beads" else 0.9,
        )


def draw_curry(c: Canvas, plate: Plate) -> None:
    """Sauce with pieces on one side, a mound of white rice on the other."""
    sauce = next((_CURRY[i] for i in plate.ingredients if i in _CURRY), (222, 138, 40))
    r = c.bed * 0.98
    deep = plate.vessel in BOWL_LIKE
    pool(c, sauce, r if deep else r * 1.02, gloss=0.8, droplets=22, wobble=0.0 if deep else 0.04)
    for du, dv in sunflower(16, r * 0.85, c.between(0, 6)):
        c.tint(c.ellipse(du, dv, c.between(0.05, 0.12), wobble=0.3), mix(sauce, (90, 20, 0), 0.4), 0.3, 6)
    side = 1 if c.rng.random() < 0.5 else -1
    rice(c, (-0.36 * side * r / 0.8, -0.12), 0.40 * r / 0.8, (252, 250, 244), dome=0.22, grains=100)
    for name in plate.ingredients:
        scatter(c, (name,), 0.38, at=(0.26 * side, 0.10), h=0.02, scale=1.15, share=0.75)
    for _ in range(3):
        a = c.between(0, 6.28)
        c.line(
            c.project(c.outline(0.25 * side, 0.1, c.between(0.2, 0.42), angle=a)[:9], 0.03),
            (255, 240, 214),
            2.2,
            lit=0.2,
            shadow=0,
        )


def draw_soup(c: Canvas, plate: Plate) -> None:
    """A smooth coloured surface with a cream swirl and toppings floating."""
    colour = {
        "tomato": (218, 74, 34),
        "pumpkin": (244, 150, 40),
        "mushroom": (196, 168, 130),
        "peas": (136, 172, 66),
    }[plate.ingredients[0]]
    pool(c, colour, c.bed, gloss=0.9)
    t = np.linspace(0.6, 9.5, 60)
    swirl = np.stack([0.055 * t * np.cos(t), 0.055 * t * np.sin(t)], 1)
    creamy = "cream" in plate.ingredients
    with c.showing("cream") if creamy else nullcontext():
        c.line(
            c.project(swirl, 0.0),
            mix(colour, (255, 250, 236), 0.75),
            6.5 if creamy else 3.4,
            lit=0.3,
            shadow=0.1,
        )
    base, *rest = plate.ingredients
    scatter(c, [i for i in rest if i != "cream"], 0.36, h=0.02, scale=1.05, share=0.85)
    if not rest and base != "pumpkin":
        scatter(c, (base,), 0.22, h=0.02, scale=0.9, share=0.45)


def draw_porridge(c: Canvas, plate: Plate) -> None:
    """Creamy, lumpy and pale; toppings side by side on top."""
    pool(c, (238, 222, 190), c.bed, gloss=0.3)
    for du, dv in sunflower(90, c.bed * 0.95, c.between(0, 6)):
        x, y = c.at(du + c.between(-0.02, 0.02), dv)
        c.dot(x, y, c.between(1.6, 2.8), c.vary((244, 230, 202), 0.05))
    c.relief(c.ellipse(0, 0, c.bed), bevel=40, depth=0.15)
    n = len(plate.ingredients)
    turn = c.between(0, 6.283)
    for k, name in enumerate(plate.ingredients):
        a, reach = turn + k * 6.283 / n, 0.34 if n > 1 else 0.0
        scatter(c, (name,), 0.34, at=(reach * np.cos(a), reach * np.sin(a)), h=0.03, scale=1.05, share=0.7)


def draw_stir_fry(c: Canvas, plate: Plate) -> None:
    """Glossy pieces heaped in dark sauce."""
    r = min(c.bed * 0.98, 0.74)
    c.body(c.ellipse(0, 0, r, wobble=0.08), (104, 50, 20), bevel=8, gloss=0.6, shadow=0.4, mottle=0.1)
    n = len(plate.ingredients)
    scatter(c, plate.ingredients, r * 0.86, h=0.02, dome=0.16, scale=1.2, share=2.6 / n)
    scatter(c, plate.ingredients, r * 0.5, h=0.10, dome=0.16, scale=1.2, share=1.1 / n)
    c.relief(c.ellipse(0, 0, r, h=0.05), bevel=40, depth=0.3, gloss=0.15)
