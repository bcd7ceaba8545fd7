"""Budgets in compute, not in wall time: CPU time over all threads, or wall time where a GPU does the work."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Meter:
    """Counts seconds spent against a budget, and goes on counting over restarts.

    Args:
        budget: seconds this part may spend.
        spent: seconds spent by earlier runs of the same part.
        clock: `time.process_time` on CPU, `time.perf_counter` on a GPU.
    """

    budget: float
    clock: Callable[[], float] = time.process_time
    spent: float = 0.0
    wall: Callable[[], float] = time.perf_counter
    _last: float = field(init=False)
    _began: tuple[float, float] = field(init=False)

    def __post_init__(self) -> None:
        self._last = self.clock()
        self._began = (self.wall(), self.spent)

    def tick(self) -> float:
        """Add the time since the last tick; return the fraction of the budget spent, at most 1."""
        now = self.clock()
        self.spent += now - self._last
        self._last = now
        return self.fraction

    def add(self, seconds: float) -> None:
        """Add seconds that another process spent for this part."""
        self.spent += seconds

    @property
    def fraction(self) -> float:
        """Share of the budget spent, in [0, 1]."""
        return min(1.0, self.spent / self.budget)

    def minutes_left(self) -> float:
        """Wall minutes until the budget is spent, at the pace of this run so far."""
        wall, spent = self.wall() - self._began[0], self.spent - self._began[1]
        return (self.budget - self.spent) * wall / max(spent, 1e-6) / 60


class Progress:
    """One progress line every `every` seconds of wall time."""

    def __init__(self, name: str, meter: Meter, every: float = 15.0) -> None:
        self.name, self.meter, self.every = name, meter, every
        self._next = meter.wall() + 3

    def show(self, text: str, *, force: bool = False) -> None:
        """Print `text` with the budget spent and the ETA, if the last line is old enough."""
        if not force and self.meter.wall() < self._next:
            return
        self._next = self.meter.wall() + self.every
        spent, budget = self.meter.spent / 60, self.meter.budget / 60
        eta = max(0.0, self.meter.minutes_left())
        print(f"[{self.name}] {text} | {spent:.1f} of {budget:.1f} min spent | ETA {eta:.1f} min", flush=True)
