"""A bounded lock between processes and threads, on a file beside the thing it guards."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from plateful.errors import StoreError

# Short against the milliseconds that a write takes, long against the cost of asking.
POLL_SECONDS = 0.01


@contextmanager
def exclusive(
    path: Path,
    *,
    timeout: float,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[None]:
    """Hold the lock file `path`; the kernel frees it when its holder dies, so it can never be left behind.

    Args:
        path: lock file, made when absent and never removed.
        timeout: seconds to wait for another holder.
        monotonic: seconds that only rise.
        sleep: waits that many seconds.

    Raises:
        StoreError: another process or thread held it all that time.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        deadline = monotonic() + timeout
        while not _try_lock(handle):
            if monotonic() >= deadline:
                raise StoreError(
                    f"{path} was locked by another process for {timeout:g} s",
                    fix="let the other Plateful run finish, then run again",
                )
            sleep(POLL_SECONDS)
        yield
    finally:
        # Closing the only descriptor of this open file also releases its lock.
        os.close(handle)


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
