"""Figures of the process that works on a run: measured by step, handed over while it works and at its end."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import dagster as dg

from plateful.metrics.clock import stopwatch
from plateful.metrics.declared import STEP_FAILURES, STEP_SECONDS
from plateful.metrics.delivery import Delivery, outlet
from plateful.metrics.meter import METER


class MetricsResource(dg.ConfigurableResource):
    """Hands the figures of this process over, to a gateway or to a file under the state folder."""

    home: str
    gateway: str | None = None

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["MetricsResource"]:
        """Deliver for as long as the process needs resources of this run; no failure there ends the run."""
        if context.run is None or context.log is None:
            yield self
            return
        with Delivery(outlet(self.gateway, Path(self.home), context.run.run_id), context.log.warning):
            yield self


def measured(step: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Time a step's function, plain or generating, under a step's name and by how it ended."""

    def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def plain(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the step's own
            with _timed(step):
                return function(*args, **kwargs)

        @wraps(function)
        def generating(*args: Any, **kwargs: Any) -> Iterator[Any]:  # noqa: ANN401 - the step's own
            with _timed(step):
                yield from function(*args, **kwargs)

        return generating if inspect.isgeneratorfunction(function) else plain

    return wrap


@contextmanager
def _timed(step: str) -> Iterator[None]:
    outcome = "failure"
    with stopwatch() as elapsed:
        try:
            yield
            outcome = "success"
        finally:
            METER.observe(STEP_SECONDS, elapsed(), step=step, outcome=outcome)
            METER.count(STEP_FAILURES, outcome == "failure", step=step)
