"""A verdict: did a picture pass, what failed by name, and the scores behind it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True)
class Verdict:
    """One picture's verdict: `failures` are names that the UI counts, `scores` are 0..1 by name.

    Raises:
        ValueError: `passed` contradicts `failures`: a picture cannot pass with a failure, nor fail without a
        name.
    """

    passed: bool
    failures: tuple[str, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "failures", tuple(self.failures))
        object.__setattr__(self, "scores", MappingProxyType(dict(self.scores)))
        if self.passed == bool(self.failures):
            raise ValueError(f"verdict passed={self.passed} contradicts failures {self.failures}")

    @classmethod
    def of(cls, failures: tuple[str, ...], scores: Mapping[str, float]) -> "Verdict":
        """Return the verdict that the failures make."""
        return cls(not failures, failures, scores)
