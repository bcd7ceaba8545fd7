"""What a shard asks about money: what a candidate cost, who takes the charge, and whether to go on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import numpy as np

from plateful.errors import RenderError

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Bill:
    """What one render has to be paid for.

    Attributes:
        images: pictures to pay for: what a provider may charge, also where no picture came of it.
        at: when that was bought, aware UTC: whoever finds it again after a kill makes the same charge again,
            and it counts once. None = nothing was bought from anybody, the time of the render counts.
    """

    images: int
    at: datetime | None = None


def own_bill(result: np.ndarray | RenderError) -> Bill:
    """Return the bill of a render on a device of ours: what came out."""
    return Bill(0 if isinstance(result, RenderError) else 1)


class Billing(Protocol):
    """The money of one shard."""

    def cost(self, seconds: float, images: int) -> int:
        """Return micro-USD of some device seconds and that many pictures."""
        ...

    def charge(self, rows: Sequence[Row]) -> None:
        """Take the costs of GENERATED_CANDIDATES rows; the same render again counts once."""
        ...

    def exhausted(self) -> bool:
        """Return whether nothing more may be rendered."""
        ...


class Unbilled:
    """For renders that no team pays for, e.g. eval pictures."""

    def cost(self, seconds: float, images: int) -> int:  # noqa: ARG002 - the protocol's
        """Return 0."""
        return 0

    def charge(self, rows: Sequence[Row]) -> None:
        """Take nothing."""

    def exhausted(self) -> bool:
        """Never stop."""
        return False
