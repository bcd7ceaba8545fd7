"""Layout tokens: named areas of a picture that stay free, and the text that is set there later.

A renderer draws no text; the layout step sets it. A template with a layout promises that nothing important
lies in a text area, and a request carries the filled areas in PROMPTS.layout.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

# Fields of a product that text may quote; prices change too often to be set into a picture.
QUOTED = ("name", "vendor_name", "category", "cuisine", "expected_text")


class Area(BaseModel):
    """One layout token.

    `box` is (x0, y0, x1, y1) in shares of the picture, from its top left corner. `text` quotes product
    fields as `{name}`; None is an area without text, where the dish stands. `most` is the text's limit in
    characters.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    box: tuple[float, float, float, float]
    text: str | None = None
    most: int = Field(default=60, ge=1, le=200)

    @field_validator("box")
    @classmethod
    def _inside(cls, box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        x0, y0, x1, y1 = box
        if not (0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1):
            raise ValueError("a box is x0 < x1 and y0 < y1, all between 0 and 1")
        return box

    @model_validator(mode="after")
    def _fillable(self) -> "Area":
        unknown = [name for name in slots(self.text or "") if name not in QUOTED]
        if unknown:
            raise ValueError(f"text slot {unknown[0]!r} is unknown; use {', '.join(QUOTED)}")
        return self

    def filled(self, product: Mapping[str, Any]) -> str | None:
        """Return the text for a product, cut to the limit; None when nothing is left to say."""
        if self.text is None:
            return None
        said = self.text.format(**{name: product.get(name) or "" for name in QUOTED}).strip()
        if len(said) <= self.most:
            return said or None
        cut = said[: self.most - 1]
        return (cut.rpartition(" ")[0] or cut).rstrip() + "…"


def slots(part: str) -> list[str]:
    """Return the names in braces, in order.

    Raises:
        ValueError: a brace without its other half, or more than a plain name between them.
    """
    names = [piece.partition("}")[0] for piece in part.split("{")[1:]]
    if part.count("{") != part.count("}") or not all(name.isidentifier() for name in names):
        raise ValueError(f"{part!r} has a malformed slot; write it as {{name}}")
    return names


def overlapping(areas: Mapping[str, Area]) -> tuple[str, str] | None:
    """Return two areas that share a part of the picture, None when there are none."""
    named = list(areas.items())
    for place, (first, one) in enumerate(named):
        for second, other in named[place + 1 :]:
            across = one.box[0] < other.box[2] and other.box[0] < one.box[2]
            if across and one.box[1] < other.box[3] and other.box[1] < one.box[3]:
                return first, second
    return None


def filled_layout(areas: Mapping[str, Area], product: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return area -> {box, text, field} of one product; `field` is the first one that the text quotes."""
    return {
        name: {
            "box": list(area.box),
            "text": area.filled(product),
            "field": next(iter(slots(area.text or "")), "template"),
        }
        for name, area in areas.items()
    }
