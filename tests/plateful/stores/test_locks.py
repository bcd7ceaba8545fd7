"""The file lock: between threads, between processes, gone with its holder."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from plateful.errors import StoreError
from plateful.stores.locks import exclusive

HOLD = """
import sys
from pathlib import Path
from plateful.stores.locks import exclusive
with exclusive(Path(sys.argv[1]), timeout=5):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def other_process(tmp_path: Path) -> Iterator[Any]:
    path = tmp_path / "x.lock"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield path, process
    process.kill()
    process.communicate()


def test_threads_take_turns(tmp_path: Path) -> None:
    counter = {"value": 0}

    def work(_: Any) -> None:
        with exclusive(tmp_path / "x.lock", timeout=20):
            value = counter["value"]
            for _ in range(500):
                pass
            counter["value"] = value + 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(100)))
    assert counter["value"] == 100


def test_a_held_lock_is_waited_for_and_then_an_error(other_process: Any) -> None:
    path, process = other_process
    ticks = iter(range(100))
    waited = []
    with (
        pytest.raises(StoreError, match="locked by another process for 3 s"),
        exclusive(path, timeout=3, monotonic=lambda: next(ticks), sleep=waited.append),
    ):
        pass
    assert len(waited) == 2
    assert process.poll() is None


def test_a_killed_holder_frees_the_lock(other_process: Any) -> None:
    path, process = other_process
    process.kill()
    process.wait()
    with exclusive(path, timeout=0):
        pass
