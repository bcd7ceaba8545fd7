"""What a shard asks about money: what a candidate cost, who takes the charge, and whether to go on."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

Row = Mapping[str, Any]


class Billing(Protocol):
    """The money of one shard."""

    def cost(self, seconds: float, images: int) -> int:
        """Return micro-USD of some device seconds from which that many pictures came."""
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
