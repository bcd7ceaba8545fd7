"""What a model takes for each unified parameter: one of some values, a range, or yes or no."""

from math import log
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

LARGEST_SIDE = 16384


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    # `prompt`: what the model has no parameter for can be said in words, and the receipt says `emulated`.
    emulated_by: Literal["prompt"] | None = None


class Choice(_Frozen):
    """One of some values; sizes are a side in px, or `<width>x<height>`."""

    kind: Literal["enum"]
    values: tuple[int | float | str, ...] = Field(min_length=1)
    # The provider promises these sizes only roughly; its pictures are scaled to them.
    approximate: bool = False

    def accepts(self, value: Any) -> bool:  # noqa: ANN401 - any JSON value
        """Whether the model takes this very value."""
        return value in self.values


class Span(_Frozen):
    """A number between two bounds, both included."""

    kind: Literal["range"]
    low: float
    high: float
    # Only whole multiples of this above `low`, e.g. sizes of 64 px.
    step: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> "Span":
        if self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}")
        return self

    def accepts(self, value: Any) -> bool:  # noqa: ANN401 - any JSON value
        """Whether the model takes this very value."""
        if isinstance(value, str):
            return self.nearest_size(value) == canonical_size(value)
        return self.nearest(value) == value

    def nearest(self, value: float) -> float:
        """Return the number of the range nearest to `value`."""
        inside = min(max(value, self.low), self.high)
        if self.step is None:
            return inside
        steps = round((inside - self.low) / self.step)
        return min(self.low + steps * self.step, self.low + (self.high - self.low) // self.step * self.step)

    def nearest_size(self, value: Any) -> int | str:  # noqa: ANN401 - any JSON value
        """Return the size nearest to `value` whose sides are both in the range.

        Raises:
            ValueError: `value` is no size.
        """
        width, height = (int(self.nearest(side)) for side in sides(value))
        return canonical_size(f"{width}x{height}")


class Switch(_Frozen):
    """A thing that the model takes or does not take."""

    kind: Literal["boolean"]
    supported: bool

    def accepts(self, value: Any) -> bool:  # noqa: ANN401, ARG002 - any JSON value
        """Whether the model takes any value."""
        return self.supported


Capability = Annotated[Choice | Span | Switch, Field(discriminator="kind")]


def nearest_size(value: Any, values: tuple[int | float | str, ...]) -> int | str:  # noqa: ANN401 - any JSON value
    """Return the size of `values` nearest to one asked for: in shape first, then in area.

    Raises:
        ValueError: `value` is no size.
    """
    width, height = sides(value)

    def distance(candidate: int | float | str) -> tuple[float, float]:
        w, h = sides(candidate)
        return abs(log(w * height) - log(width * h)), abs(log(w * h) - log(width * height))

    return min((canonical_size(v) for v in values), key=distance)


def canonical_size(value: Any) -> int | str:  # noqa: ANN401 - any JSON value
    """Return a size in its one form: the side of a square in px, else `<width>x<height>`."""
    width, height = sides(value)
    return width if width == height else f"{width}x{height}"


def sides(value: Any) -> tuple[int, int]:  # noqa: ANN401 - any JSON value
    """Return (width, height) in px.

    Raises:
        ValueError: neither a whole number nor `<width>x<height>`, or a side is not between 1 and 16384.
    """
    parts = value.lower().split("x") if isinstance(value, str) else [value]
    if isinstance(value, bool) or not isinstance(value, int | float | str) or len(parts) > 2:
        raise ValueError(f"{value!r} is no size")
    numbers = [float(part) for part in parts]
    if not all(number.is_integer() and 1 <= number <= LARGEST_SIDE for number in numbers):
        raise ValueError(f"{value!r} is no size between 1 and {LARGEST_SIDE} px")
    return int(numbers[0]), int(numbers[-1])
