"""Ends a command on SIGTERM and Ctrl-C within seconds, whatever is under way.

Dagster replaces the handlers of the thread that it runs in, retries the step that a signal interrupts, and
goes on with what follows. So jobs run on a thread of their own, and the main thread hears the signals.
"""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from contextvars import copy_context
from pathlib import Path
from threading import Thread
from types import FrameType
from typing import TypeVar

from rich.console import Console

Result = TypeVar("Result")
SIGNALS = (signal.SIGINT, signal.SIGTERM)
# A batch of pictures ends in less on two cores; what takes longer is cut off, as by kill -9.
GRACE_SECONDS = 3.0


class Stopped(BaseException):
    """The process was told to end; no `except Exception` and no framework takes it for something else."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.status = 128 + number


@contextmanager
def signals_raise() -> Iterator[None]:
    """Raise Stopped in the main thread on SIGTERM and Ctrl-C.

    Ctrl-C counts also where the shell had it ignored, as it does for what a script starts with `&`.
    """

    def stop(number: int, _frame: FrameType | None) -> None:
        raise Stopped(number)

    before = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def beside(work: Callable[[], Result]) -> Future[Result]:
    """Do `work` on a thread of its own, to its end or to that of the process."""
    done: Future[Result] = Future()
    context = copy_context()

    def run() -> None:
        try:
            done.set_result(context.run(work))
        except BaseException as error:
            done.set_exception(error)

    Thread(target=run, daemon=True).start()
    return done


def end_children() -> None:
    """Kill what this process started: Dagster's log followers outlive a run that was cut off by seconds."""
    for child in _children():
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _children() -> list[int]:
    found: list[int] = []
    for listed in Path("/proc/self/task").glob("*/children"):
        # Its thread may have ended meanwhile.
        with suppress(OSError):
            found += map(int, listed.read_text().split())
    return found


@contextmanager
def own_terminal() -> Iterator[Console]:
    """Give the standard error that the process began with: Dagster sends the steps' own into a file."""
    with os.fdopen(os.dup(2), "w", encoding="utf-8") as stream:
        yield Console(file=stream, soft_wrap=True)
