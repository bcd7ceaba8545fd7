"""A full disk in mid-run, and two processes on one state folder: nothing is lost, nothing is done twice."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from plateful.environments import Settings, open_adapters
from tests.conftest import feed_rows, write_feed

COMMAND = [sys.executable, "-m", "cli", "run", "--json"]
DISHES = [(f"Noodle soup number {number}", "egg") for number in range(20)]
# In its own namespace: mount a folder of $1 bytes, run the command, let the folder grow, run it again.
FULL_THEN_FREE = """
set -u
mount -t tmpfs -o size="$1" tmpfs "$PLATEFUL_HOME" || exit 77
shift
"$@" >"$RESULTS/full.json" 2>"$RESULTS/full.txt"; echo $? >"$RESULTS/full.status"
find "$PLATEFUL_HOME" -path '*/images/*.png' | wc -l >"$RESULTS/full.images"
mount -o remount,size=200m "$PLATEFUL_HOME"
"$@" >"$RESULTS/free.json" 2>"$RESULTS/free.txt"
"""


@pytest.mark.parametrize("size", ["700k", "1200k", "1800k"])
def test_a_full_disk_is_one_error_and_loses_nothing(settings: Settings, tmp_path: Path, size: str) -> None:
    write_feed(Path(settings.feed), feed_rows({"SG": DISHES}))
    results = tmp_path / "results"
    results.mkdir()
    settings.home.mkdir()
    # A run that found the disk full could not give its lease back; the next one waits until it has run out.
    environment = {**os.environ, "RESULTS": str(results), "PLATEFUL_LEASE_TTL": "2"}
    script = ["unshare", "--map-root-user", "--mount", "sh", "-c", FULL_THEN_FREE, "sh", size]
    done = subprocess.run(
        [*script, *COMMAND, "--country", "SG"], env=environment, capture_output=True, text=True
    )
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("this machine lets nobody mount a small disk")

    assert (results / "full.status").read_text().strip() == "2"
    assert (results / "full.json").read_text() == ""
    message = (results / "full.txt").read_text()
    assert "Traceback" not in message
    assert "full" in message.splitlines()[-2]
    assert "free space and run" in message.splitlines()[-1]

    total = json.loads((results / "free.json").read_text())["total"]
    assert total["candidates"] == 40
    kept = int((results / "full.images").read_text())
    assert total["rendered_now"] == 40 - kept


def test_two_processes_on_one_country_take_turns(settings: Settings) -> None:
    both = [_start("SG"), _start("SG")]
    totals = [_total(process) for process in both]
    assert [total["candidates"] for total in totals] == [6, 6]
    assert sorted(total["rendered_now"] for total in totals) == [0, 6]
    assert len(list((settings.home / "lake" / "images").rglob("*.png"))) == 6


def test_two_processes_on_two_countries_run_side_by_side(settings: Settings) -> None:
    both = [_start("SG"), _start("DE")]
    totals = [_total(process) for process in both]
    assert [total["rendered_now"] for total in totals] == [6, 6]
    assert open_adapters(settings).lake.partitions("published_images") == ["DE", "SG"]


def _start(country: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, "--country", country], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _total(process: subprocess.Popen[str]) -> dict:
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    return json.loads(out)["total"]
