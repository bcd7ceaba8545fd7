"""Contact sheets: many pictures in one, with a caption each, as PNG or as markdown for the Dagster UI."""

import base64
import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from plateful.errors import ImageError
from plateful.vision.image_io import encode_png, encode_webp
from plateful.vision.measures import fitted

PAPER = (250, 247, 242)
INK = (48, 42, 38)
GAP = 6
CAPTION = 15
# Cell sizes and WebP qualities tried in turn until all pictures fit; 96 px still tells a burger from a taco.
STEPS = ((128, 82), (112, 72), (96, 64), (80, 56), (64, 48))


def grid(
    arrays: Sequence[np.ndarray], labels: Sequence[str], *, cell: int = 128, columns: int = 0
) -> np.ndarray:
    """Lay pictures in rows with a caption under each; return uint8 RGB (H, W, 3).

    Args:
        arrays: uint8 RGB pictures of any size.
        labels: one caption each, Latin letters (the built-in font has no others), cut to the cell.
        cell: side of a cell, pixels.
        columns: cells per row; 0 = the wide shape nearest 3:2.

    Raises:
        ImageError: no pictures, or not one label each.
    """
    _check(arrays, labels)
    columns = min(len(arrays), columns or math.ceil(math.sqrt(len(arrays) * 1.5)))
    rows = math.ceil(len(arrays) / columns)
    step_x, step_y = cell + GAP, cell + CAPTION + GAP
    sheet = Image.new("RGB", (columns * step_x + GAP, rows * step_y + GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=11)
    for index, (array, label) in enumerate(zip(arrays, labels, strict=True)):
        left, top = GAP + index % columns * step_x, GAP + index // columns * step_y
        small = fitted(array, cell)
        inset = (left + (cell - small.shape[1]) // 2, top + (cell - small.shape[0]) // 2)
        sheet.paste(Image.fromarray(small), inset)
        draw.text((left, top + cell + 1), _cut(label, font, cell), INK, font)
    return np.asarray(sheet)


def grid_png(
    arrays: Sequence[np.ndarray], labels: Sequence[str], *, cell: int = 128, columns: int = 0
) -> bytes:
    """Return the grid (see `grid`) as PNG bytes."""
    return encode_png(grid(arrays, labels, cell=cell, columns=columns))


def contact_sheet_markdown(
    arrays: Sequence[np.ndarray],
    labels: Sequence[str],
    max_bytes: int = 90_000,
    *,
    title: str = "contact sheet",
) -> str:
    """Return markdown with one inline picture of all `arrays`, at most `max_bytes` long.

    The cells shrink until the sheet fits; what no step can fit is left out from the end, and said so.

    Raises:
        ImageError: not one label each, or no pictures, or `max_bytes` is too small for a single one.
    """
    _check(arrays, labels)
    tries = [(len(arrays), *step) for step in STEPS]
    tries += [(len(arrays) >> halving, *STEPS[-1]) for halving in range(1, len(arrays).bit_length())]
    for count, cell, quality in tries:
        sheet = encode_webp(grid(arrays[:count], labels[:count], cell=cell), quality)
        text = f"![{title}](data:image/webp;base64,{base64.b64encode(sheet).decode()})"
        if count < len(arrays):
            text += f"\n\n{count} of {len(arrays)} shown"
        if len(text) <= max_bytes:
            return text
    raise ImageError(
        f"a contact sheet does not fit in {max_bytes:,} bytes", fix="allow at least 10,000 bytes"
    )


def _check(arrays: Sequence[np.ndarray], labels: Sequence[str]) -> None:
    if not arrays or len(arrays) != len(labels):
        raise ImageError(
            f"a contact sheet of {len(arrays)} pictures and {len(labels)} labels",
            fix="give at least one picture and exactly one label each",
        )


def _cut(label: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    while label and font.getlength(label) > width:
        label = label[:-2] + "…" if len(label) > 2 else ""
    return label
