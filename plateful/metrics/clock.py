"""The stage clock: how long a block took, and laps of a device that runs behind the program."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any


@contextmanager
def stopwatch() -> Iterator[Callable[[], float]]:
    """Give a function that tells the seconds since the block began, up to its end."""
    started, ended = time.perf_counter(), None

    def elapsed() -> float:
        return (ended or time.perf_counter()) - started

    yield elapsed
    ended = time.perf_counter()


class Laps:
    """Seconds between marks.

    A GPU works behind the program that feeds it, so a mark there is an event in its queue, which costs no
    waiting, and the seconds are read when all is done.

    Args:
        mark: makes a mark, e.g. `time.perf_counter`.
        seconds: seconds between two marks.
    """

    def __init__(
        self,
        mark: Callable[[], Any] = time.perf_counter,
        seconds: Callable[[Any, Any], float] = lambda start, end: end - start,
    ) -> None:
        self._mark, self._seconds = mark, seconds
        self._marks: list[tuple[str, Any]] = [("", mark())]

    def lap(self, stage: str) -> None:
        """End a stage that began with the last mark."""
        self._marks.append((stage, self._mark()))

    def read(self) -> dict[str, float]:
        """Return stage -> seconds; the device must have finished the last stage."""
        return {stage: self._seconds(start, end) for (_, start), (stage, end) in pairwise(self._marks)}
