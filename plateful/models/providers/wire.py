"""Wire tables: unified parameter -> field and value of a request, the same for generating and editing."""

import base64
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from plateful.models.capabilities import sides
from plateful.vision.image_io import encode_png

# Counts calls instead of being sent: every picture is a candidate of its own, with a call of its own.
PLANNED = frozenset({"n"})


@dataclass(frozen=True)
class Ask:
    """One picture to ask for.

    Attributes:
        values: unified parameter -> effective value; arrays for `init_image` (uint8 RGB, H, W, 3) and `mask`
            (uint8, H, W, 255 where to paint).
    """

    values: Mapping[str, Any]

    @property
    def edit(self) -> bool:
        """Whether a picture is edited, not made."""
        return "init_image" in self.values


def _same(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    return value


@dataclass(frozen=True)
class Row:
    """Where one unified parameter goes. `in_edits` is off where the uploaded picture already says it."""

    field: str
    value: Callable[[Any], Any] = _same
    in_edits: bool = True


def wired(table: Mapping[str, Row], ask: Ask) -> dict[str, Any]:
    """Return field -> value of a request, in the table's order."""
    return {
        row.field: row.value(ask.values[name])
        for name, row in table.items()
        if name in ask.values and (row.in_edits or not ask.edit)
    }


def form(fields: Mapping[str, Any]) -> list[tuple[str, tuple]]:
    """Return the parts of a multipart form; bytes become PNG files."""
    return [
        (name, (f"{name}.png", value, "image/png") if isinstance(value, bytes) else (None, str(value)))
        for name, value in fields.items()
    ]


def size_text(value: int | str) -> str:
    """Return a size as `<width>x<height>`."""
    return "x".join(map(str, sides(value)))


def shape(names: Mapping[str, str]) -> Callable[[int | str], str]:
    """Return the value of a row that names a shape: `<width>x<height>` -> the provider's word."""
    return lambda value: names[size_text(value)]


def folded_seed(low: int, high: int) -> Callable[[int], int]:
    """Return the value of a seed row: ours has 63 bits, the provider takes `low` to `high`."""
    return lambda seed: low + seed % (high - low + 1)


def white_mask(mask: np.ndarray) -> bytes:
    """Return a PNG that is white where to paint."""
    return encode_png(mask)


def black_mask(mask: np.ndarray) -> bytes:
    """Return a PNG that is black where to paint."""
    return encode_png(255 - mask)


def clear_mask(mask: np.ndarray) -> bytes:
    """Return a PNG that is transparent where to paint and opaque elsewhere."""
    layer = np.zeros((*mask.shape, 4), np.uint8)
    layer[..., 3] = 255 - mask
    buffer = io.BytesIO()
    Image.fromarray(layer).save(buffer, "PNG")
    return buffer.getvalue()


def base64_text(content: bytes) -> str:
    """Return bytes as base64."""
    return base64.b64encode(content).decode("ascii")
