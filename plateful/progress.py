"""Progress of long work: the domain reports, whoever shows it (CLI, Dagster log) listens."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """`done` of `total` items of `stage`, e.g. `render SG`."""

    stage: str
    done: int
    total: int


Listener = Callable[[Progress], None]
_listener: ContextVar[Listener | None] = ContextVar("progress_listener", default=None)


def report(stage: str, done: int, total: int) -> None:
    """Tell the listener, if any, how far a stage is."""
    listener = _listener.get()
    if listener is not None:
        listener(Progress(stage, done, total))


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Send the progress reported inside the block to `listener`."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
