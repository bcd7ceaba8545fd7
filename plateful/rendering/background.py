"""Work beside the denoising: jobs run in order on one thread, and what one raises reaches the caller."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, TypeVar

Result = TypeVar("Result")


class Background(Generic[Result]):
    """Runs jobs one after another on a thread of its own.

    A job's error is raised by the next call that waits for it, and the jobs behind it do not run. Leaving the
    block waits for the job that runs, so that nothing is written after it.

    Args:
        ahead: jobs that may be waiting or running when `submit` returns; 0 runs each at once in the caller.
    """

    def __init__(self, ahead: int) -> None:
        self._ahead = ahead
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._pending: deque[Future[Result]] = deque()
        self._failed = False

    def __enter__(self) -> "Background[Result]":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)

    def submit(self, job: Callable[[], Result]) -> list[Result]:
        """Hand over a job; return the results of earlier ones that had to be done first, in order."""
        if not self._ahead:
            return [job()]
        results = self._collect(self._ahead - 1)
        self._pending.append(self._thread.submit(self._run, job))
        return results

    def finish(self) -> list[Result]:
        """Wait for every job; return the results that `submit` has not, in order."""
        return self._collect(0)

    def _run(self, job: Callable[[], Result]) -> Result:
        if self._failed:
            # Never seen: the error of the job before is raised first.
            raise CancelledError
        try:
            return job()
        except BaseException:
            self._failed = True
            raise

    def _collect(self, keep: int) -> list[Result]:
        results = []
        while len(self._pending) > keep:
            results.append(self._pending.popleft().result())
        return results
