"""Bar C5: products without images of one country, from a Parquet feed of 10 million rows, against pandas.

Run `python -m benchmarks.feed_size [--rows N] [--repeats N]`. Each side does the whole of it in a process of
its own, in turns: read, clean, reject with reasons, image status, selection (`benchmarks.feed_pandas` is the
pandas side, with and without a filter pushed into the read). All must find the same products and reasons.
Seconds are those of the work, imports apart; memory is the process's peak. Writes
`benchmarks/results/feed_size.json`, {side: {seconds, cpu_seconds, peak_mib}}, each median, low and high.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.feed_rows import countries, write_feed
from benchmarks.plates import summary

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "feed_size.json"
COUNTRY = "DE"
SIDES = ("plateful", "pandas_filtered", "pandas")
# What both sides must agree on, beside the reasons of rejects.
AGREED = ("product_id", "name", "description", "record_hash", "route")
# Rows and reasons, once the clock has stopped.
Found = Callable[[], tuple[list[tuple], dict[str, int]]]


def plateful_side(feed: Path) -> Callable[[], Found]:
    """Return our work: what the assets `products` and `products_without_images` do with a feed."""
    from plateful.environments import utc_now
    from plateful.products.feed import Feed
    from plateful.products.photos import resolve_images
    from plateful.products.selection import without_images
    from plateful.stores import Lake

    def assess(_array: object) -> None:
        raise AssertionError("the feed brings no photo files")

    def work() -> Found:
        source = Feed(str(feed))
        part = source.read(COUNTRY)
        lake = Lake(str(feed.parent / "lake"))
        checked = resolve_images(
            part.products,
            feed_root=source.root,
            assess=assess,
            assessor_version="none",
            lake=lake,
            now=utc_now(),
        )
        chosen = without_images(checked)
        reasons = part.rejects["reason"].value_counts()
        return lambda: (sorted(chosen.select(AGREED).iter_rows()), dict(reasons.iter_rows()))

    return work


def pandas_side(feed: Path, *, filtered: bool) -> Callable[[], Found]:
    """Return the same work in pandas."""
    from benchmarks import feed_pandas

    def work() -> Found:
        read = feed_pandas.read_filtered if filtered else feed_pandas.read_all
        found, rejected = feed_pandas.products(read(feed, COUNTRY), feed.parent)
        chosen = feed_pandas.without_images(found, feed.parent)
        reasons = rejected.value_counts()
        return lambda: (sorted(chosen[list(AGREED)].itertuples(index=False, name=None)), reasons.to_dict())

    return work


def run_side(side: str, feed: Path) -> None:
    """Do one side's work in this process and print what it took."""
    from plateful.identity import content_hash

    work = plateful_side(feed) if side == "plateful" else pandas_side(feed, filtered=side != "pandas")
    started, cpu = time.monotonic(), time.process_time()
    found = work()
    taken = {"seconds": time.monotonic() - started, "cpu_seconds": time.process_time() - cpu}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows, reasons = found()
    told = {"products": len(rows), "reasons": dict(sorted(reasons.items())), "digest": content_hash(rows)}
    print(json.dumps({**taken, "peak_mib": peak, "found": told}))


def measured(side: str, feed: Path) -> dict:
    """Run one side in a process of its own -> what it printed."""
    command = [sys.executable, "-m", "benchmarks.feed_size", "--side", side, "--feed", str(feed)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE)  # noqa: S603
    return json.loads(done.stdout)


def compare(feed: Path, sides: Sequence[str], repeats: int) -> dict:
    """Run the sides in turns and return the figures."""
    runs: dict[str, list[dict]] = {side: [] for side in sides}
    for _ in range(repeats):
        for side in sides:
            runs[side].append(measured(side, feed))
    founds = [run["found"] for side in sides for run in runs[side]]
    if any(found != founds[0] for found in founds):
        raise SystemExit(f"the sides differ: {founds[0]} and {next(f for f in founds if f != founds[0])}")
    figures = ("seconds", "cpu_seconds", "peak_mib")
    table = {s: {name: summary([run[name] for run in runs[s]]) for name in figures} for s in sides}
    ratios = {
        f"{name}_ratio_to_{side}": summary(
            [other[name] / own[name] for own, other in zip(runs["plateful"], runs[side], strict=True)]
        )
        for side in sides
        if side != "plateful"
        for name in ("seconds", "cpu_seconds")
    }
    return {"found": founds[0], **table, **ratios}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--feed", type=Path, help="a feed that is there already")
    parser.add_argument("--side", choices=SIDES, help="do one side's work here, of a measurement under way")
    asked = parser.parse_args()
    if asked.side:
        run_side(asked.side, asked.feed)
        return
    with tempfile.TemporaryDirectory() as folder:
        feed = asked.feed or Path(folder) / "feed.parquet"
        if not feed.exists():
            write_feed(feed, asked.rows)
        result = {
            "machine": f"{os.cpu_count()} cores, {platform.machine()}",
            "load": os.getloadavg()[0],
            "rows": asked.rows,
            "countries": len(countries()),
            "feed_mb": round(feed.stat().st_size / 1e6, 1),
            **compare(feed, SIDES, asked.repeats),
        }
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
