"""kill -9 in mid-run, then run again: every count is right and at most one batch was rendered twice."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.instance import open_instance
from cli.mainjob import run_countries
from plateful.environments import Settings, load_settings, open_adapters
from tests.conftest import feed_rows, write_feed

DISHES = [(f"Noodle soup number {number}", "egg") for number in range(40)]


def _wait_for_images(folder: Path, least: int, process: subprocess.Popen) -> int:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        found = len(list(folder.rglob("*.png")))
        if found >= least:
            return found
    return len(list(folder.rglob("*.png")))


@pytest.mark.parametrize("after", [1, 33])
def test_a_killed_run_loses_and_repeats_nothing(
    settings: Settings, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLATEFUL_LEASE_TTL", "3")
    write_feed(Path(settings.feed), feed_rows({"SG": DISHES}))
    command = [sys.executable, "-m", "cli", "run", "--country", "SG"]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ.copy()
    )
    before = _wait_for_images(settings.home / "lake" / "images", after, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    # The dead run holds the country until its lease runs out; the next run waits for that.
    summary = run_countries(load_settings(), ["SG"]).summary["countries"]["SG"]
    assert summary["candidates"] == 80
    stored = len(list((settings.home / "lake" / "images").rglob("*.png")))
    assert stored == 80
    assert before <= summary["candidates"]
    candidates = open_adapters(settings).lake.read_table("generated_candidates", "SG")
    assert candidates["candidate_id"].n_unique() == 80
    assert summary["rendered_now"] <= 80 - before + 16
    with open_instance(settings) as instance:
        assert sorted(run.status.value for run in instance.get_runs()) == ["FAILURE", "SUCCESS"]
