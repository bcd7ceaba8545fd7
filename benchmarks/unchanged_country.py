"""Bar C2: materialize a country of 3,000 candidates, then again unchanged.

Run by `make bench`. Prints both times and writes `benchmarks/results/unchanged_country.json`. The second run
must render nothing and take at most 2 % of the first. What a second run costs hardly depends on the country
(imports, and one validation per table), so its share falls with the number of candidates.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "unchanged_country.json"
PRODUCTS = 1500
DISHES = ["noodle soup", "fried rice", "margherita pizza", "cheeseburger", "chicken curry", "caesar salad"]
EXTRAS = ["egg", "prawn", "beef", "mushroom", "tofu", "chilli", "lime", "cheese", "basil", "corn"]


def write_feed(path: Path) -> None:
    """Write a feed of PRODUCTS distinct dishes without pictures."""
    rows = [
        {
            "product_id": f"p{number:04d}",
            "vendor_id": f"v{number % 40}",
            "country": "SG",
            "name": f"{EXTRAS[number // 6 % 10].title()} {DISHES[number % 6]} No. {number}",
            "language": "en",
            "description": f"with {EXTRAS[number % 10]} and {EXTRAS[number // 10 % 10]}",
            "price": "7.5",
        }
        for number in range(PRODUCTS)
    ]
    pl.DataFrame(rows).write_csv(path)


def run_once(environment: dict[str, str]) -> tuple[float, dict]:
    """Run the country in a fresh process -> wall seconds, start included, and the summary's total."""
    started = time.monotonic()
    command = [sys.executable, "-m", "cli", "run", "--country", "SG", "--json"]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE)  # noqa: S603
    return time.monotonic() - started, json.loads(done.stdout)["total"]


def main() -> None:
    """Measure, print and write."""
    with tempfile.TemporaryDirectory() as folder:
        feed = Path(folder) / "SG.csv"
        write_feed(feed)
        environment = {**os.environ, "PLATEFUL_HOME": f"{folder}/state", "PLATEFUL_FEED": str(feed)}
        first, made = run_once(environment)
        again = [run_once(environment) for _ in range(3)]
    seconds = sorted(wall for wall, _ in again)
    result = {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "candidates": made["candidates"],
        "first_seconds": round(first, 1),
        "unchanged_seconds": [round(wall, 2) for wall in seconds],
        "unchanged_median_share": round(seconds[1] / first, 4),
        "rendered_again": sum(total["rendered_now"] for _, total in again),
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
