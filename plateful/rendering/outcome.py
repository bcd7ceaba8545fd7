"""What a shard did."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ShardReport:
    """What a shard did, in candidates. Those already rendered before are in none of the counts.

    `unpaid` are the ids of those left alone because their money was used up.
    """

    rendered: int = 0
    recovered: int = 0
    quarantined: int = 0
    seconds: float = 0.0
    unpaid: tuple[str, ...] = ()

    def __add__(self, other: "ShardReport") -> "ShardReport":
        """Add up two reports."""
        return ShardReport(
            self.rendered + other.rendered,
            self.recovered + other.recovered,
            self.quarantined + other.quarantined,
            self.seconds + other.seconds,
            (*self.unpaid, *other.unpaid),
        )
