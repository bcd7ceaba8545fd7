"""The canvas: relief lighting and local compositing that every drawer of the synthetic plates uses.

Drawers speak plate coordinates: (u, v) on the table with 1 = the vessel's radius, h upwards in the same unit.
The canvas turns them into pixels for the camera and paints into small regions only: about 0.1 ms a shape.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import cv2
import numpy as np

from training.plates.geometry import Points, Stage, View, circle
from training.plates.instances import Kind, Labels
from training.plates.textures import noise_over

# Dark sides lose blue before red: food in shade looks warm, not grey.
_SHADE_TINT = np.array([0.88, 1.0, 1.14], np.float32)


class Canvas(Stage):
    """RGB picture with food and vessel masks, all (size, size); `bed` is the radius for food."""

    def __init__(self, size: int, view: View, rng: np.random.Generator) -> None:
        """Start black; `rng` is the only source of randomness of the drawers."""
        super().__init__(view, rng, size / 256)
        self.size = size
        self.rgb = np.zeros((size, size, 3), np.uint8)
        self.food = np.zeros((size, size), np.uint8)
        self.vessel = np.zeros((size, size), np.uint8)
        self.into: np.ndarray | None = None
        self.labels: Labels | None = None
        self.piece = False
        self.part = 0
        self.bed = 0.7

    def region(self, pts: Points, pad: float) -> tuple[int, int, int, int] | None:
        """Pixel box (x0, y0, x1, y1) around an outline, cut to the picture; None when outside."""
        low, high = pts.min(0), pts.max(0)
        x0, y0 = max(0, int(low[0] - pad)), max(0, int(low[1] - pad))
        x1, y1 = min(self.size, int(high[0] + pad) + 2), min(self.size, int(high[1] + pad) + 2)
        return (x0, y0, x1, y1) if x1 - x0 > 1 and y1 - y0 > 1 else None

    @contextmanager
    def showing(self, name: str, kind: Kind = "ingredient", *, shared: bool = False) -> Iterator[None]:
        """What is painted inside is a piece of this; a piece within a piece belongs to the outer one."""
        if self.labels is None or self.piece:
            yield
            return
        before = self.part
        self.part, self.piece = self.labels.number(name, kind, shared=shared), kind == "ingredient"
        try:
            yield
        finally:
            self.part, self.piece = before, False

    def mark(self, mask: np.ndarray, spot: tuple[int, int, int, int]) -> None:
        """Add a painted mask (uint8, the spot's shape) to the current mask and to the labels."""
        if self.into is None:
            return
        x0, y0, x1, y1 = spot
        np.maximum(self.into[y0:y1, x0:x1], mask, out=self.into[y0:y1, x0:x1])
        if self.labels is not None:
            self.labels.map[y0:y1, x0:x1][mask > 127] = self.part

    @staticmethod
    def filled(pts: Points, spot: tuple[int, int, int, int], dx: float = 0.0, dy: float = 0.0) -> np.ndarray:
        """Antialiased uint8 mask of an outline, the spot's shape, shifted by (dx, dy) pixels."""
        mask = np.zeros((spot[3] - spot[1], spot[2] - spot[0]), np.uint8)
        fixed = np.rint((pts + np.array((dx - spot[0], dy - spot[1]))) * 16).astype(np.int32)
        cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, 4)
        return mask

    def _lit(self, mask: np.ndarray, bevel: float) -> tuple[np.ndarray, np.ndarray]:
        """Height (0..1) of a pillow with this outline and its light (-1..1)."""
        k = max(3, int(bevel * self.unit) | 1)
        flat = cv2.BORDER_CONSTANT
        # Wide bevels in 8 bits show terraces, and two box passes show facets: float and a third pass there.
        height = cv2.blur(
            cv2.blur(mask if k < 11 else mask.astype(np.float32), (k, k), borderType=flat),
            (k, k),
            borderType=flat,
        )
        if k >= 11:
            height = cv2.blur(height, (k // 2 | 1, k // 2 | 1), borderType=flat)
        lx, ly = self.view.light
        g = k / (255 * 6.0)
        kernel = np.array(
            [[lx + ly, 2 * ly, ly - lx], [2 * lx, 0, -2 * lx], [lx - ly, -2 * ly, -lx - ly]], np.float32
        ) * (g * 0.5)
        return height, cv2.filter2D(height, cv2.CV_32F, kernel)

    def _texture(self, h: int, w: int, cells: int) -> np.ndarray:
        field = noise_over(h, w, cells, 3)
        spare = len(field) - max(h, w)
        y, x = self.rng.integers(0, spare, 2) if spare else (0, 0)
        return field[y : y + h, x : x + w]

    def shade(self, pts: Points, strength: float = 0.4, drop: float = 4.0, soft: float = 7.0) -> None:
        """Soft shadow of an outline on what is already painted; drop and soft in 1/256 of the picture."""
        lx, ly = self.view.light
        u = self.unit
        spot = self.region(pts, (abs(drop) + soft * 1.5) * u)
        if spot is None:
            return
        mask = self.filled(pts, spot, -lx * drop * u, -ly * drop * u)
        k = max(3, int(soft * u) | 1)
        mask = cv2.blur(cv2.blur(mask, (k, k)), (k, k))
        gain = 1 - mask * np.float32(strength * self.view.shadow / 255)
        roi = self.rgb[spot[1] : spot[3], spot[0] : spot[2]]
        np.multiply(roi, gain[..., None], out=roi, casting="unsafe")

    def body(
        self,
        pts: Points,
        colour: Sequence[float],
        *,
        bevel: float = 7.0,
        depth: float = 0.55,
        gloss: float = 0.25,
        shadow: float = 0.4,
        drop: float = 3.0,
        mottle: float = 0.0,
        cells: int = 48,
        alpha: float = 1.0,
    ) -> None:
        """A solid with rounded edges: cast shadow, directional relief, highlight, mottled surface."""
        if shadow:
            self.shade(pts, shadow, drop, drop * 1.6)
        spot = self.region(pts, 1)
        if spot is None:
            return
        mask = self.filled(pts, spot)
        self.stamp(
            mask, spot, colour, bevel=bevel, depth=depth, gloss=gloss, mottle=mottle, cells=cells, alpha=alpha
        )

    def stamp(
        self,
        mask: np.ndarray,
        spot: tuple[int, int, int, int],
        colour: Sequence[float],
        *,
        bevel: float,
        depth: float,
        gloss: float = 0.0,
        mottle: float = 0.0,
        cells: int = 48,
        alpha: float = 1.0,
    ) -> None:
        """Paint one lit mask (uint8, the spot's shape) and mark it in the current mask."""
        x0, y0, x1, y1 = spot
        height, lit = self._lit(mask, bevel)
        roi = self.rgb[y0:y1, x0:x1]
        light = lit * np.float32(depth)
        if mottle:
            light += self._texture(y1 - y0, x1 - x0, cells) * np.float32(mottle)
        paint = np.asarray(colour, np.float32) * (1 + light[..., None] * _SHADE_TINT)
        if gloss:
            shine = np.maximum(lit, 0) * height * np.float32(1 / 255)
            paint += (shine * shine * np.float32(640 * gloss * self.view.gloss))[..., None]
        cover = (mask * np.float32(alpha / 255))[..., None]
        paint -= roi
        paint *= cover
        paint += roi
        np.clip(paint, 0, 255, out=paint)
        roi[:] = paint
        self.mark(mask, spot)

    def relief(self, pts: Points, *, bevel: float = 40.0, depth: float = 0.5, gloss: float = 0.0) -> None:
        """Light what is already painted inside an outline as one big dome."""
        spot = self.region(pts, 1)
        if spot is None:
            return
        mask = self.filled(pts, spot)
        height, lit = self._lit(mask, bevel)
        inside = mask * np.float32(1 / 255)
        roi = self.rgb[spot[1] : spot[3], spot[0] : spot[2]]
        out = roi * (1 + (lit * inside * np.float32(depth))[..., None] * _SHADE_TINT)
        if gloss:
            shine = np.maximum(lit, 0) * height * inside * np.float32(1 / 255)
            out += (shine * shine * np.float32(640 * gloss * self.view.gloss))[..., None]
        roi[:] = np.clip(out, 0, 255)

    def slab(
        self,
        uv: np.ndarray,
        height: float,
        top: Sequence[float],
        side: Sequence[float],
        h: float = 0.0,
        *,
        shadow: float = 0.5,
        bevel: float = 7.0,
        depth: float = 0.55,
        gloss: float = 0.25,
        mottle: float = 0.0,
        cells: int = 48,
    ) -> Points:
        """A prism with this footprint: its shadow, side wall and lit top; returns the top's pixels."""
        base, roof = self.project(uv, h), self.project(uv, h + height)
        self.shade(base, shadow, 3 + 10 * height, 6 + 16 * height)
        steps = max(2, int(height * self.view.lift / (2.2 * self.unit)) + 1)
        spot = self.region(np.concatenate([base, roof]), 1)
        if spot is not None:
            wall = np.zeros((spot[3] - spot[1], spot[2] - spot[0]), np.uint8)
            for t in np.linspace(0, 1, steps):
                cv2.bitwise_or(wall, self.filled(base + (roof - base) * t, spot), dst=wall)
            self.stamp(wall, spot, side, bevel=6, depth=0.5, mottle=mottle)
        self.body(roof, top, shadow=0.0, bevel=bevel, depth=depth, gloss=gloss, mottle=mottle, cells=cells)
        return roof

    def tint(self, pts: Points, colour: Sequence[float], alpha: float, soft: float = 5.0) -> None:
        """A soft-edged stain: browning, sauce sheen, blush."""
        spot = self.region(pts, soft * self.unit)
        if spot is None:
            return
        k = max(3, int(soft * self.unit) | 1)
        cover = cv2.blur(self.filled(pts, spot), (k, k)) * np.float32(alpha / 255)
        roi = self.rgb[spot[1] : spot[3], spot[0] : spot[2]]
        roi[:] = roi + (np.asarray(colour, np.float32) - roi) * cover[..., None]

    def line(
        self, pts: Points, colour: Sequence[float], width: float, *, lit: float = 0.35, shadow: float = 0.45
    ) -> None:
        """A round strand along pixels (n, 2): under-line, body, highlight; width in 1/256 of the picture."""
        u = self.unit
        lx, ly = self.view.light
        fixed = np.rint(pts * 16).astype(np.int32)
        w = max(1, round(width * u))
        if shadow:
            off = np.array([-lx, -ly]) * 16 * max(1.0, width * 0.3) * u
            dark = [int(c * (1 - shadow)) for c in colour]
            cv2.polylines(
                self.rgb, [np.rint(fixed + off).astype(np.int32)], False, dark, w + 1, cv2.LINE_AA, 4
            )
        cv2.polylines(self.rgb, [fixed], False, [int(c) for c in colour], w, cv2.LINE_AA, 4)
        if lit:
            off = np.array([lx, ly]) * 16 * width * 0.22 * u
            bright = [int(c + (255 - c) * lit) for c in colour]
            thin = max(1, round(width * 0.34 * u))
            cv2.polylines(
                self.rgb, [np.rint(fixed + off).astype(np.int32)], False, bright, thin, cv2.LINE_AA, 4
            )
        if self.into is not None:
            cv2.polylines(self.into, [fixed], False, 255, w, cv2.LINE_8, 4)
            if self.labels is not None:
                cv2.polylines(self.labels.map, [fixed], False, self.part, w, cv2.LINE_8, 4)

    def dot(self, x: float, y: float, r: float, colour: Sequence[float], *, shine: bool = True) -> None:
        """A bead of pixel radius r * unit with shadow and highlight, drawn directly: for the very small."""
        lx, ly = self.view.light
        r *= self.unit
        dark = [int(c * 0.5) for c in colour]
        circle(self.rgb, x - lx * r * 0.35, y - ly * r * 0.35, r * 1.05, dark)
        circle(self.rgb, x, y, r, colour)
        if shine:
            circle(
                self.rgb,
                x + lx * r * 0.35,
                y + ly * r * 0.35,
                r * 0.4,
                [int(c + (255 - c) * 0.55) for c in colour],
            )
        if self.into is not None:
            circle(self.into, x, y, r, 255)
            if self.labels is not None:
                cv2.circle(
                    self.labels.map,
                    (round(x * 16), round(y * 16)),
                    max(1, round(r * 16)),
                    self.part,
                    -1,
                    8,
                    4,
                )
