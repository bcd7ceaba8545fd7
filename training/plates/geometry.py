"""The camera of a plate and small geometry: colours between colours, even spreads, sub-pixel discs."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

RGB = tuple[int, int, int]
Points = np.ndarray  # float32 (n, 2), pixels


@dataclass(frozen=True)
class View:
    """Where the vessel stands and from where it is seen: pixels, except squash (1 = from straight above)."""

    centre: tuple[float, float]
    radius: float
    squash: float
    lift: float
    light: tuple[float, float]
    shadow: float
    gloss: float


def mix(a: Sequence[float], b: Sequence[float], t: float) -> RGB:
    """Colour between a (t = 0) and b (t = 1)."""
    return tuple(int(x + (y - x) * t) for x, y in zip(a, b, strict=True))  # type: ignore[return-value]


def sunflower(n: int, radius: float, turn: float = 0.0) -> np.ndarray:
    """N evenly spread (u, v) points in a disc, float (n, 2), ordered from the middle outwards."""
    i = np.arange(n)
    r = radius * np.sqrt((i + 0.5) / max(1, n))
    angle = i * 2.399963 + turn
    return np.stack([r * np.cos(angle), r * np.sin(angle)], 1)


def circle(image: np.ndarray, x: float, y: float, r: float, colour: Sequence[float] | int) -> None:
    """Sub-pixel antialiased disc in pixels."""
    cv2.circle(image, (round(x * 16), round(y * 16)), max(1, round(r * 16)), colour, -1, cv2.LINE_AA, 4)


def smooth(corners: np.ndarray, per: int) -> np.ndarray:
    """Closed Catmull-Rom curve through corners (n, 2) -> (n * per, 2)."""
    p0, p1, p2, p3 = (np.roll(corners, k, 0)[:, None] for k in (1, 0, -1, -2))
    t = np.linspace(0, 1, per, endpoint=False)[None, :, None]
    curve = 0.5 * (
        2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3
    )
    return curve.reshape(-1, 2)


class Stage:
    """Plate coordinates seen by a camera; `level` is where drawers start, `unit` 1/256 of the picture."""

    def __init__(self, view: View, rng: np.random.Generator, unit: float) -> None:
        """`rng` is the only source of randomness of the drawers."""
        self.view = view
        self.rng = rng
        self.unit = unit
        self.level = 0.0
        self.top = view.squash > 0.8

    def between(self, low: float, high: float) -> float:
        """One uniform draw."""
        return low + (high - low) * self.rng.random()

    def vary(self, colour: Sequence[float], amount: float = 0.08) -> RGB:
        """The colour, a little lighter or darker."""
        gain = 1 + (self.rng.random() * 2 - 1) * amount
        return tuple(int(min(255, max(0, c * gain))) for c in colour)  # type: ignore[return-value]

    def project(self, uv: np.ndarray, h: float | np.ndarray = 0.0) -> Points:
        """Plate coordinates (n, 2) at height h -> pixels (n, 2)."""
        view = self.view
        out = np.empty(uv.shape, np.float32)
        out[:, 0] = view.centre[0] + uv[:, 0] * view.radius
        out[:, 1] = view.centre[1] + uv[:, 1] * (view.radius * view.squash) - (h + self.level) * view.lift
        return out

    def at(self, u: float, v: float, h: float = 0.0) -> tuple[float, float]:
        """Pixel of one point in plate coordinates."""
        view = self.view
        y = view.centre[1] + v * view.radius * view.squash - (h + self.level) * view.lift
        return view.centre[0] + u * view.radius, y

    def outline(
        self,
        u: float,
        v: float,
        ru: float,
        rv: float | None = None,
        *,
        angle: float = 0.0,
        wobble: float = 0.0,
    ) -> np.ndarray:
        """Ellipse in plate coordinates (n, 2); wobble makes it organic (0.1 = 10 % of the radius)."""
        n = 20 if ru * self.view.radius < 12 * self.unit else 44
        t = np.linspace(0, 2 * np.pi, n, endpoint=False)
        r = np.ones(n)
        if wobble:
            phase = self.rng.random(3) * 6.283
            r += wobble * (
                0.5 * np.sin(2 * t + phase[0])
                + 0.5 * np.sin(3 * t + phase[1])
                + 0.4 * np.sin(5 * t + phase[2])
            )
        x, y = np.cos(t) * r * ru, np.sin(t) * r * (ru if rv is None else rv)
        ca, sa = np.cos(angle), np.sin(angle)
        return np.stack([u + x * ca - y * sa, v + x * sa + y * ca], 1)

    def ellipse(
        self,
        u: float,
        v: float,
        ru: float,
        rv: float | None = None,
        *,
        h: float = 0.0,
        angle: float = 0.0,
        wobble: float = 0.0,
    ) -> Points:
        """Pixels of an ellipse lying at height h."""
        return self.project(self.outline(u, v, ru, rv, angle=angle, wobble=wobble), h)

    def ball(
        self, u: float, v: float, r: float, *, h: float = 0.0, wobble: float = 0.0, tall: float = 1.0
    ) -> Points:
        """Pixels of a sphere's outline: round under every camera."""
        x, y = self.at(u, v, h)
        out = self.outline(0, 0, r, r * tall, wobble=wobble) * self.view.radius
        return (out + np.array((x, y))).astype(np.float32)
