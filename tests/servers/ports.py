"""Free ports on the loopback, and waiting for a server to answer on one."""

import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

POLL_SECONDS = 0.05


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(ready: Callable[[], bool], process: subprocess.Popen, log: Path, seconds: float = 60) -> None:
    """Return once `ready`; a server that ended or stays silent is an error with the end of its log."""
    deadline = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None or time.monotonic() >= deadline:
            state = "is silent" if process.poll() is None else f"ended with {process.returncode}"
            raise RuntimeError(f"{process.args!r} {state}:\n{log.read_text(errors='replace')[-3000:]}")
        time.sleep(POLL_SECONDS)
