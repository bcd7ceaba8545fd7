"""Object defects: text, logos, people, hands and creatures by strength 0..1."""

from collections.abc import Callable

import cv2
import numpy as np

from training.plates.canvas import Canvas
from training.plates.geometry import mix

_WORDS = (
    "FRESH",
    "SALE",
    "MENU",
    "20% OFF",
    "BEST PRICE",
    "NEW",
    "TASTY",
    "ORDER NOW",
    "HOT DEAL",
    "SPECIAL",
    "$9.99",
    "DELICIOUS",
    "Yummy Food",
    "Today only",
    "free delivery",
    "Chef 24",
)


_FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)


_INKS = ((255, 255, 255), (250, 220, 40), (220, 30, 30), (20, 20, 24), (30, 90, 200))


_SKINS = ((244, 206, 176), (224, 172, 134), (180, 122, 84), (120, 76, 50), (84, 54, 38))


def _write(
    image: np.ndarray,
    words: str,
    x: int,
    y: int,
    scale: float,
    ink: tuple[int, int, int],
    font: int,
    thick: int,
) -> None:
    outline = (0, 0, 0) if sum(ink) > 330 else (255, 255, 255)
    cv2.putText(image, words, (x, y), font, scale, outline, thick + 3, cv2.LINE_AA)
    cv2.putText(image, words, (x, y), font, scale, ink, thick, cv2.LINE_AA)


def _text(c: Canvas, strength: float) -> None:
    rng, s = c.rng, c.size
    font, ink = _FONTS[rng.integers(4)], _INKS[rng.integers(5)]
    if rng.random() < 0.35:
        top = int(s * rng.choice((0.02, 0.78)))
        cv2.rectangle(
            c.rgb, (0, top), (s, top + int(s * (0.12 + 0.08 * strength))), _INKS[rng.integers(5)], -1
        )
    for k in range(1 + int(strength * 2.5)):
        words = _WORDS[rng.integers(len(_WORDS))]
        scale = s / 256 * (0.65 + 0.75 * strength) * rng.uniform(0.8, 1.1)
        (w, h), _ = cv2.getTextSize(words, font, scale, 2)
        x = int(rng.uniform(0.02, max(0.03, 0.96 - w / s)) * s)
        y = int((0.12, 0.92, 0.5)[k % 3] * s + rng.uniform(-0.03, 0.05) * s) + h // 3
        _write(c.rgb, words, x, y, scale, ink, font, 1 + round(2 * strength))


def _logo(c: Canvas, strength: float) -> None:
    rng, s = c.rng, c.size
    r = int(s * (0.07 + 0.06 * strength))
    x, y = (int(s * f) for f in ((0.15, 0.85)[rng.integers(2)], (0.15, 0.85)[rng.integers(2)]))
    ink, ground = _INKS[rng.integers(2)], _INKS[2 + rng.integers(3)]
    kind = rng.integers(3)
    if kind == 0:
        cv2.circle(c.rgb, (x, y), r, ground, -1, cv2.LINE_AA)
        cv2.circle(c.rgb, (x, y), int(r * 0.84), ink, max(1, r // 10), cv2.LINE_AA)
    elif kind == 1:
        cv2.rectangle(c.rgb, (x - r, y - int(r * 0.7)), (x + r, y + int(r * 0.7)), ground, -1)
    else:
        t = np.arange(10) * 0.6283
        star = np.stack(
            [
                x + r * 1.1 * np.where(np.arange(10) % 2, 0.6, 1) * np.sin(t),
                y - r * 1.1 * np.where(np.arange(10) % 2, 0.6, 1) * np.cos(t),
            ],
            1,
        )
        cv2.fillPoly(c.rgb, [star.astype(np.int32)], ground, cv2.LINE_AA)
    letters = "".join(chr(65 + q) for q in rng.integers(0, 26, 2))
    scale = r / 22
    (w, h), _ = cv2.getTextSize(letters, cv2.FONT_HERSHEY_DUPLEX, scale, 2)
    cv2.putText(
        c.rgb,
        letters,
        (x - w // 2, y + h // 2),
        cv2.FONT_HERSHEY_DUPLEX,
        scale,
        ink,
        max(1, r // 9),
        cv2.LINE_AA,
    )


def xy(point: np.ndarray) -> tuple[float, float]:
    """The two coordinates of a point (2,) as floats."""
    return float(point[0]), float(point[1])


def _oval(
    c: Canvas,
    x: float,
    y: float,
    rx: float,
    ry: float,
    colour: tuple[int, int, int],
    bevel: float = 0.0,
    angle: float = 0.0,
    **kw: float,
) -> None:
    t = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    px, py = np.cos(t) * rx, np.sin(t) * ry
    pts = np.stack(
        [x + px * np.cos(angle) - py * np.sin(angle), y + px * np.sin(angle) + py * np.cos(angle)], 1
    ).astype(np.float32)
    c.body(
        pts,
        colour,
        bevel=bevel or max(3.0, min(rx, ry) / c.unit * 0.8),
        depth=0.5,
        gloss=kw.get("gloss", 0.1),
        shadow=kw.get("shadow", 0.3),
    )


def _person(c: Canvas, strength: float) -> None:
    rng, s = c.rng, c.size
    r = s * (0.10 + 0.10 * strength)
    side = rng.choice((0.24, 0.5, 0.76))
    x, y = s * side, r * 1.25
    skin, hair = (
        _SKINS[rng.integers(5)],
        ((40, 28, 24), (110, 70, 34), (210, 170, 96), (70, 70, 74))[rng.integers(4)],
    )
    shirt = ((60, 90, 150), (170, 50, 60), (240, 240, 240), (60, 120, 90))[rng.integers(4)]
    _oval(c, x, y + r * 2.15, r * 1.75, r * 1.1, shirt)
    _oval(c, x, y + r * 0.9, r * 0.38, r * 0.6, mix(skin, (90, 40, 20), 0.15), shadow=0)
    if rng.random() < 0.5:
        _oval(c, x, y + r * 0.25, r * 1.08, r * 1.35, hair, shadow=0)
    _oval(c, x, y - r * 0.2, r * 0.92, r * 1.02, hair, shadow=0.2)
    _oval(c, x, y + r * 0.1, r * 0.76, r * 0.98, skin, bevel=r / c.unit, shadow=0)
    _oval(c, x, y - r * 0.70, r * 0.72, r * 0.34, hair, shadow=0)
    for q in (-1, 1):
        _oval(c, x + q * r * 0.30, y, r * 0.15, r * 0.10, (250, 250, 250), shadow=0)
        _oval(c, x + q * r * 0.30, y, r * 0.075, r * 0.09, (40, 26, 20), shadow=0)
        cv2.line(
            c.rgb,
            (int(x + q * r * 0.16), int(y - r * 0.24)),
            (int(x + q * r * 0.46), int(y - r * 0.22)),
            hair,
            max(1, int(r * 0.08)),
            cv2.LINE_AA,
        )
    _oval(c, x, y + r * 0.28, r * 0.09, r * 0.16, mix(skin, (120, 50, 30), 0.2), shadow=0)
    _oval(c, x, y + r * 0.60, r * 0.26, r * 0.09, (190, 70, 74), shadow=0)


def _hand(c: Canvas, strength: float) -> None:
    rng, s = c.rng, c.size
    skin = _SKINS[rng.integers(5)]
    angle = rng.choice((0.4, 2.7, 3.8, 5.5)) + rng.uniform(-0.3, 0.3)
    d = np.array([np.cos(angle), np.sin(angle)])
    n = np.array([-d[1], d[0]])
    palm = np.array([s / 2, s / 2]) + d * s * (0.50 - 0.16 * strength)
    w = s * (0.055 + 0.03 * strength)
    u = c.unit
    c.line(
        np.array([palm + d * s * 0.7, palm + d * w], np.float32),
        mix(skin, (60, 80, 140), 0.0),
        w * 1.5 / u,
        lit=0.1,
    )
    _oval(c, *xy(palm + d * w * 0.3), w * 1.15, w * 0.95, skin, angle=float(angle), shadow=0.5)
    for k in range(4):
        root = palm + n * (k - 1.5) * w * 0.52
        tip = root - d * w * (1.6 + 0.25 * (k in (1, 2))) + n * (k - 1.5) * w * 0.1
        c.line(np.array([root, tip], np.float32), skin, w * 0.5 / u, lit=0.2, shadow=0.35)
        c.line(
            np.array([tip + d * w * 0.12, tip], np.float32),
            mix(skin, (255, 200, 190), 0.6),
            w * 0.26 / u,
            lit=0,
            shadow=0,
        )
    thumb = np.array([palm + n * w * 0.8, palm + n * w * 1.3 - d * w * 0.8], np.float32)
    c.line(thumb, skin, w * 0.52 / u, lit=0.2, shadow=0.3)


def _cat(c: Canvas, x: float, y: float, r: float) -> None:
    fur = ((90, 86, 84), (214, 140, 64), (236, 230, 222), (44, 40, 42))[c.rng.integers(4)]
    _oval(c, x, y + r * 1.5, r * 1.15, r * 1.2, fur)
    for q in (-1, 1):
        ear = np.array(
            [
                [x + q * r * 0.2, y - r * 0.6],
                [x + q * r * 0.92, y - r * 0.25],
                [x + q * r * 0.85, y - r * 1.3],
            ],
            np.float32,
        )
        c.body(ear, fur, bevel=5, shadow=0)
        c.body(ear.mean(0) + (ear - ear.mean(0)) * np.float32(0.55), (232, 158, 154), bevel=3, shadow=0)
    _oval(c, x, y, r, r * 0.85, fur, bevel=r / c.unit)
    for q in (-1, 1):
        _oval(c, x + q * r * 0.40, y - r * 0.08, r * 0.20, r * 0.18, (196, 210, 80), shadow=0)
        _oval(c, x + q * r * 0.40, y - r * 0.08, r * 0.06, r * 0.17, (16, 16, 18), shadow=0)
        for k in (-0.15, 0.0, 0.15):
            cv2.line(
                c.rgb,
                (int(x + q * r * 0.3), int(y + r * 0.32)),
                (int(x + q * r * 1.25), int(y + r * (0.3 + k))),
                (240, 240, 240),
                1,
                cv2.LINE_AA,
            )
    _oval(c, x, y + r * 0.25, r * 0.12, r * 0.08, (226, 120, 124), shadow=0)


def _insect(c: Canvas, x: float, y: float, r: float) -> None:
    a = c.between(0, 6.28)
    d, n = np.array([np.cos(a), np.sin(a)]), np.array([-np.sin(a), np.cos(a)])
    p = np.array([x, y])
    for k in (-0.6, 0.0, 0.6):
        for q in (-1, 1):
            leg = np.array(
                [
                    p + d * k * r,
                    p + d * k * r * 1.4 + n * q * r * 0.8,
                    p + d * k * r * 2.1 + n * q * r * 1.25,
                ],
                np.float32,
            )
            c.line(leg, (30, 22, 20), 2.0, lit=0, shadow=0.3)
    _oval(c, *xy(p - d * r * 0.75), r * 0.75, r * 0.48, (52, 34, 26), angle=a, gloss=0.8)
    _oval(c, *xy(p + d * r * 0.15), r * 0.42, r * 0.36, (40, 28, 24), angle=a, gloss=0.6)
    _oval(c, *xy(p + d * r * 0.72), r * 0.30, r * 0.28, (30, 22, 20), gloss=0.6)


def _creature(c: Canvas, strength: float) -> None:
    rng, s = c.rng, c.size
    if rng.random() < 0.6:
        _cat(c, s * rng.choice((0.2, 0.8)), s * rng.uniform(0.22, 0.34), s * (0.09 + 0.09 * strength))
    else:
        x, y = c.at(rng.uniform(-0.4, 0.4), rng.uniform(-0.4, 0.4), 0.1)
        _insect(c, x, y, s * (0.045 + 0.05 * strength))


OBJECTS: dict[str, Callable[[Canvas, float], None]] = {
    "text": _text,
    "logo": _logo,
    "person": _person,
    "hand": _hand,
    "creature": _creature,
}
