"""Prices and costs: dollars as people write them in, whole micro-dollars out. Sums are never floats."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from plateful.errors import ConfigError

MICRO = 1_000_000
# In micro-dollars, 64-bit integers hold this nine million times over.
MOST_DOLLARS = Decimal(1_000_000)
# What is reserved covers this share of recent pictures: one stalled batch must not speak for all.
SHARE = 0.9

Dollars = Annotated[Decimal, Field(ge=0, le=MOST_DOLLARS, allow_inf_nan=False)]


class Price(BaseModel):
    """What a model costs in USD: by device second, by picture, or both added up; at least one is given."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    per_second: Dollars | None = None
    per_image: Dollars | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "Price":
        if self.per_second is None and self.per_image is None:
            raise ValueError("give per_second or per_image, 0 for a model that costs nothing")
        return self


def cost_of(price: Price, seconds: float, images: int) -> int:
    """Return what some pictures cost in micro-USD, rounded up so that no fraction goes unpaid.

    Args:
        price: of the model.
        seconds: device seconds, finite and at least 0.
        images: pictures that came out, at least 0.

    Raises:
        ConfigError: negative or not finite.
    """
    time = Decimal(repr(float(seconds)))
    if not time.is_finite() or time < 0 or images < 0:
        raise ConfigError(
            f"{images} images in {seconds} s cannot be billed", fix="report this: a clock or a count is wrong"
        )
    # Fractions: a decimal sum of 28 digits loses what little is above a micro-dollar.
    exact = Fraction(price.per_second or 0) * Fraction(time) + Fraction(price.per_image or 0) * images
    return ceil(exact * MICRO)


def estimate(price: Price, recent_seconds: Sequence[float], assumed_seconds: float) -> int:
    """Return what to reserve for one picture, in micro-USD.

    Args:
        price: of the model.
        recent_seconds: device seconds of its recent pictures, any order.
        assumed_seconds: device seconds a picture where nothing was measured yet.
    """
    if not recent_seconds:
        return cost_of(price, assumed_seconds, 1)
    ordered = sorted(recent_seconds)
    return cost_of(price, ordered[min(int(SHARE * len(ordered)), len(ordered) - 1)], 1)


def micro_dollars(dollars: Decimal) -> int:
    """Return an amount in micro-USD, rounded down: a limit is never more than was written."""
    return int(dollars * MICRO)


def dollars(micro: int) -> str:
    """Return micro-USD as people read it, e.g. `12.340000 USD`."""
    sign, whole = "-" if micro < 0 else "", abs(micro)
    return f"{sign}{whole // MICRO}.{whole % MICRO:06d} USD"
