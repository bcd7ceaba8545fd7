"""The soak in short."""

from pathlib import Path

import pytest

from tests.faults.soak import soak


@pytest.mark.timeout(600)
def test_random_kills_lose_and_repeat_nothing(tmp_path: Path) -> None:
    done = soak(tmp_path, items=60, kills=3, seed=5, say=print)
    assert done.kills == 3
