"""Banners: a dish cut out on a coloured ground, with slots for a headline, a tagline and a badge.

The template is an editorial one: type on the left, the dish large on the right before a lighter disc.
Type is Pillow's built-in font (Aileron), so no font file is needed.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from training.plates.geometry import RGB, circle
from training.plates.instances import box_of
from training.plates.plate import Plate
from training.plates.render import render

Box = tuple[float, float, float, float]
_FINER = 3  # drawn three times as large and sampled down: smooth edges of type, disc and dish


@dataclass(frozen=True)
class Palette:
    """Ground (left, right), the disc behind the dish, ink of the type, and the badge with its ink."""

    left: RGB
    right: RGB
    disc: RGB
    ink: RGB
    badge: RGB
    badge_ink: RGB


PALETTES: dict[str, Palette] = {
    "saffron": Palette(
        (252, 236, 206), (247, 196, 106), (255, 220, 150), (74, 38, 20), (196, 62, 36), (255, 246, 232)
    ),
    "basil": Palette(
        (24, 66, 52), (46, 108, 78), (92, 148, 104), (248, 240, 216), (244, 196, 88), (30, 60, 46)
    ),
    "berry": Palette(
        (88, 22, 54), (154, 48, 82), (226, 126, 136), (255, 238, 230), (255, 214, 196), (92, 22, 54)
    ),
}


@dataclass(frozen=True)
class Slot:
    """Where text goes: box (x0, y0, x1, y1) in 0..1; `text` is what stands there, empty when left free."""

    name: str
    box: Box
    text: str


@dataclass(frozen=True)
class Banner:
    """image uint8 (height, width, 3) RGB; dish_mask bool (height, width); dish_box in 0..1."""

    image: np.ndarray
    slots: tuple[Slot, ...]
    dish_mask: np.ndarray
    dish_box: Box


def render_banner(
    plate: Plate,
    *,
    headline: str,
    tagline: str,
    palette: str,
    badge: str = "NEW",
    size: tuple[int, int] = (256, 128),
    text: bool = True,
) -> Banner:
    """Set a plate into the banner of this (width, height), at least 3:2; deterministic in its arguments.

    With text=False the slots stay empty, which is what a model learns to draw. Raises ValueError for an
    unknown palette, a plate with defects, a ratio below 3:2, and text that does not fit its slot.
    """
    if palette not in PALETTES:
        raise ValueError(f"unknown palette {palette!r}; choose one of: {', '.join(PALETTES)}")
    if plate.defects:
        raise ValueError("a banner shows a plate without defects")
    width, height = size
    if width * 2 < height * 3:
        raise ValueError(f"a banner is at least 3:2, got {width}x{height}")
    tones = PALETTES[palette]
    side = 0.88 * height
    centre = (width - 0.06 * height - side / 2, height / 2)
    large = _ground((width * _FINER, height * _FINER), tones, centre, side)
    mask = _place(large, plate, centre, side)
    right = (centre[0] - side / 2) / width - 0.02
    slots = tuple(
        Slot(name, (0.07 * height / width, top, right, bottom), words if text else "")
        for name, top, bottom, words in (
            ("badge", 0.10, 0.25, badge),
            ("headline", 0.29, 0.64, headline),
            ("tagline", 0.70, 0.89, tagline),
        )
    )
    large = _typeset(large, slots, tones) if text else large
    shrunk = cv2.resize(mask, size, interpolation=cv2.INTER_AREA) > 127
    return Banner(cv2.resize(large, size, interpolation=cv2.INTER_AREA), slots, shrunk, box_of(shrunk))


def _ground(size: tuple[int, int], tones: Palette, centre: tuple[float, float], side: float) -> np.ndarray:
    """The gradient, the disc behind the dish and a thin ring around it: uint8 (height, width, 3)."""
    width, height = size
    across = np.linspace(0, 1, width, dtype=np.float32)[None, :, None]
    down = np.linspace(-0.12, 0.12, height, dtype=np.float32)[:, None, None]
    share = np.clip(across + down, 0, 1)
    image = np.asarray(tones.left, np.float32) * (1 - share) + np.asarray(tones.right, np.float32) * share
    image = np.rint(image).astype(np.uint8)
    x, y = centre[0] * _FINER, centre[1] * _FINER
    ring = image.copy()
    circle(ring, x, y, side * 0.70 * _FINER, tones.disc)
    image = cv2.addWeighted(ring, 0.28, image, 0.72, 0)
    circle(image, x, y, side * 0.56 * _FINER, tones.disc)
    return image


def _place(image: np.ndarray, plate: Plate, centre: tuple[float, float], side: float) -> np.ndarray:
    """Paint the dish with its shadow into the image; returns its mask uint8 (height, width)."""
    reach, drawn = round(side * _FINER), round(side * 1.5)
    done = render(plate, drawn)
    whole = (done.food_mask | done.vessel_mask).astype(np.uint8) * 255
    # One pixel inwards: the outermost one is half background.
    whole = cv2.erode(whole, np.ones((3, 3), np.uint8))
    x0, y0, x1, y1 = (round(v * drawn) for v in done.box)
    scale = reach / max(x1 - x0, y1 - y0)
    w, h = int((x1 - x0) * scale), int((y1 - y0) * scale)
    dish = cv2.resize(done.image[y0:y1, x0:x1], (w, h), interpolation=cv2.INTER_CUBIC)
    cover = cv2.resize(whole[y0:y1, x0:x1], (w, h), interpolation=cv2.INTER_LINEAR)
    # The mask's steps become a curve: blurred, then steepened again.
    cover = _steeper(cv2.GaussianBlur(cover, (0, 0), 1.6 * reach / drawn))
    left, top = round(centre[0] * _FINER - w / 2), round(centre[1] * _FINER - h / 2)
    mask = np.zeros(image.shape[:2], np.uint8)
    mask[top : top + h, left : left + w] = cover
    shadow = cv2.GaussianBlur(np.roll(mask, reach // 22, 0), (0, 0), reach / 26)
    image[:] = image * (1 - shadow * np.float32(0.42 / 255))[..., None]
    spot = image[top : top + h, left : left + w]
    spot[:] = spot + (dish.astype(np.float32) - spot) * (cover * np.float32(1 / 255))[..., None]
    return mask


def _steeper(soft: np.ndarray) -> np.ndarray:
    return np.clip(soft.astype(np.int16) * 3 - 255, 0, 255).astype(np.uint8)


def _typeset(image: np.ndarray, slots: tuple[Slot, ...], tones: Palette) -> np.ndarray:
    """Write every slot, the badge on a pill."""
    height, width = image.shape[:2]
    picture = Image.fromarray(image)
    draw = ImageDraw.Draw(picture)
    for slot in slots:
        if not slot.text.strip():
            continue
        x0, y0, x1, y1 = (v * s for v, s in zip(slot.box, (width, height, width, height), strict=True))
        pill = slot.name == "badge"
        pad = 0.26 * (y1 - y0) if pill else 0.0
        bold = 0.018 if slot.name != "tagline" else 0.0
        words, font = _fitted(slot, x1 - x0 - 2.4 * pad, y1 - y0 - 2 * pad, bold)
        stroke = bold * font.size
        if pill:
            long = draw.textlength(words, font) + 2 * stroke
            draw.rounded_rectangle((x0, y0, x0 + long + 2.4 * pad, y1), (y1 - y0) / 2, fill=tones.badge)
        draw.multiline_text(
            (x0 + 1.2 * pad + stroke, (y0 + y1) / 2), words, tones.badge_ink if pill else tones.ink, font,
            "lm", spacing=font.size * 0.16, stroke_width=stroke,
        )  # fmt: skip
    return np.asarray(picture)


def _fitted(slot: Slot, width: float, height: float, bold: float) -> tuple[str, ImageFont.FreeTypeFont]:
    """The text broken into lines and the largest size (pixels) at which it fits the slot."""
    ruler = ImageDraw.Draw(Image.new("L", (1, 1)))
    for points in range(int(height), 5 * _FINER, -1):
        font = ImageFont.load_default(points)
        if not isinstance(font, ImageFont.FreeTypeFont):
            raise RuntimeError("banners need a Pillow with FreeType")
        words = _wrapped(slot.text, font, width - 2 * bold * points)
        box = ruler.multiline_textbbox((0, 0), words, font, spacing=points * 0.16, stroke_width=bold * points)
        if box[2] - box[0] <= width and box[3] - box[1] <= height:
            return words, font
    raise ValueError(f"the {slot.name} {slot.text!r} does not fit its slot")


def _wrapped(text: str, font: ImageFont.FreeTypeFont, width: float) -> str:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        lines = [*lines[:-1], longer] if font.getlength(longer) <= width else [*lines, word]
    return "\n".join(lines)
