"""`make soak`: kill -9 at random moments of one long run, again and again; then every count is right.

    python -m tests.faults.soak [--kills 200] [--items 2000] [--seed 0]

Moments are drawn per start: so many seconds after it, or so many pictures further, so that kills fall into
imports, planning, rendering, scoring and publishing alike.
"""

import argparse
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import duckdb
import polars as pl

from tests.conftest import feed_rows, write_feed

COUNTRY, PER_PRODUCT = "SG", 2
# Of the profile: what a kill may render again.
BATCH = 16
# A start takes some 10 s of imports on two cores; a kill after more pictures than this leaves too few starts.
LATEST_SECONDS, LATEST_PICTURES = 20.0, 25
POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Soaked:
    """What a soak did: kills that hit a living process, pictures and charges at its end."""

    kills: int
    items: int
    pictures: int
    charges: int
    seconds: float


def soak(home: Path, items: int, kills: int, seed: int, say: Callable[[str], None]) -> Soaked:
    """Kill a run of `items` candidates `kills` times, let it end, and check what it left.

    Args:
        home: empty folder.
        items: candidates of the run, an even number.
        kills: processes to kill, fewer where the run ends before.
        seed: of the moments.
        say: is told of progress.

    Raises:
        AssertionError: something was lost, or done twice beyond a batch per kill.
    """
    environment, begun, hit = _prepare(home, items), time.monotonic(), 0
    drawn = random.Random(seed)  # noqa: S311 - moments, not secrets
    for number in range(kills):
        if not _kill_one(environment, home, drawn):
            break
        hit += 1
        if number % 10 == 9:
            say(f"{hit} kills, {_pictures(home)} of {items} pictures")
    done = subprocess.run(_command(), env=dict(environment), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    charges = _check(home, items, hit)
    return Soaked(hit, items, _pictures(home), charges, round(time.monotonic() - begun, 1))


def _prepare(home: Path, items: int) -> Mapping[str, str]:
    dishes = [(f"Noodle soup number {number}", "egg") for number in range(items // PER_PRODUCT)]
    write_feed(home / "feed.csv", feed_rows({COUNTRY: dishes}))
    return {
        **os.environ,
        "PLATEFUL_HOME": str(home / "state"),
        "PLATEFUL_FEED": str(home / "feed.csv"),
        "PLATEFUL_CANDIDATES": str(PER_PRODUCT),
        # A killed process holds the country so long.
        "PLATEFUL_LEASE_TTL": "2",
    }


def _command() -> list[str]:
    return [sys.executable, "-m", "cli", "run", "--country", COUNTRY, "--json"]


def _kill_one(environment: Mapping[str, str], home: Path, drawn: random.Random) -> bool:
    """Start the run and kill it at a drawn moment; False when it ended before."""
    seconds = drawn.uniform(0, LATEST_SECONDS) if drawn.random() < 0.5 else float("inf")
    wanted = _pictures(home) + drawn.randint(1, LATEST_PICTURES)
    process = subprocess.Popen(
        _command(), env=dict(environment), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline and _pictures(home) < wanted:
        time.sleep(POLL_SECONDS)
    alive = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    return alive


def _pictures(home: Path) -> int:
    return sum(1 for _ in (home / "state" / "lake" / "images").glob("*/*.png"))


def _check(home: Path, items: int, kills: int) -> int:
    """Compare tables, files, rows and money; return how many renders were charged."""
    state = home / "state"
    part = f"country={COUNTRY}/part.parquet"
    candidates = pl.read_parquet(state / "lake" / "tables" / "generated_candidates" / part)
    assert candidates["candidate_id"].n_unique() == candidates.height == items == _pictures(home)
    assert candidates["status"].unique().to_list() == ["ok"]
    with duckdb.connect(state / "warehouse.duckdb", read_only=True) as warehouse:
        counted = warehouse.sql("SELECT COUNT(*), COUNT(DISTINCT image_id) FROM published_images").fetchall()
    ((rows, images),) = counted
    objects = sum(1 for path in (state / "bucket").rglob("*") if path.is_file())
    assert rows == images >= objects > 0
    return _money(state / "ledger.sqlite", items, kills)


def _money(ledger: Path, items: int, kills: int) -> int:
    with sqlite3.connect(ledger) as connection:
        (reserved,) = connection.execute("SELECT COALESCE(SUM(reserved), 0) FROM team_days").fetchone()
        charges, charged = connection.execute(
            "SELECT COUNT(*), COUNT(DISTINCT candidate_id) FROM charges"
        ).fetchone()
    assert charged == items
    assert charges <= items + BATCH * kills
    assert reserved == 0, f"{reserved} micro-dollars are still reserved"
    return charges


def main() -> None:
    """Run the soak from the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--items", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        done = soak(Path(folder), chosen.items, chosen.kills, chosen.seed, partial(print, flush=True))
    print(
        f"{done.kills} kills in {done.seconds:g} s: {done.pictures} of {done.items} pictures, "
        f"{done.charges} renders"
    )


if __name__ == "__main__":
    main()
