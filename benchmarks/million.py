"""Bar C6: 1,000,000 render requests planned, sharded, rendered by a stub and completed, on two cores.

Run `python -m benchmarks.million [--requests N] [--countries N]`. Each country is one Dagster run of the real
`generated_candidates` graph (planner, shards of 5,000, manifests, scores, charges, compaction) and its
contract, on a lake that keeps no pictures (`benchmarks.stubs`); two processes share the countries, as two
cores would. Writes `benchmarks/results/million-<requests>.json`: wall and CPU time, runs, what Dagster's
storage grew by, and each process's resident memory after every run.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import dagster as dg
import polars as pl

from assets import catalog, generation, prompting
from assets.checks import CHECKS
from benchmarks.stubs import PicturelessLakeResource, StubModels, StubScoring, forget_pictures
from benchmarks.unchanged_country import DISHES, EXTRAS
from cli.execution import QUIET
from cli.instance import open_instance
from plateful.countries import COUNTRIES
from plateful.environments import Settings, load_settings
from plateful.identity import request_id
from plateful.prompts.writer import write_prompts
from plateful.stores import Lake
from plateful.tables import INPAINTING_MASKS, PROMPTS, TEXTS, TRANSLATED_PRODUCTS
from resources.environment import build_resources
from resources.io_managers import TableIOManager

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
JOB = "generate"
SHARD = 5000
PROCESSES = 2
# Requests that the writer words; the others repeat their prompts for subjects of their own.
WORDED = 60
# A million pictures cost more than the shipped policy's daily limit.
POLICY = """currency: USD
teams:
  default: {daily_limit: null, over_budget: [defer], why: "nothing is rendered here"}
assumed_seconds: {value: 2, why: as the shipped policy has it}
hold_minutes: {value: 30, why: as the shipped policy has it}
"""


def definitions(settings: Settings) -> dg.Definitions:
    """Return the graph as far as candidates, with the stubs where pixels would be made or looked at."""
    real = build_resources(settings)
    models, lease = real["models"], real["lease"]
    lake = PicturelessLakeResource(root=settings.lake)
    stubs = {
        "lake": lake,
        "models": StubModels(**{**dict(models), "shard_size": SHARD}),
        "scoring": StubScoring(**dict(real["scoring"])),
        "io_manager": TableIOManager(lake=lake, lease=lease),
    }
    return dg.Definitions(
        assets=dg.load_assets_from_modules([catalog, prompting, generation]),
        asset_checks=[check for check in CHECKS if dg.AssetKey("generated_candidates") in _checked(check)],
        jobs=[dg.define_asset_job(JOB, selection=dg.AssetSelection.assets("generated_candidates"))],
        resources={**real, **stubs},
        executor=dg.in_process_executor,
    )


def _checked(check: dg.AssetChecksDefinition) -> set[dg.AssetKey]:
    return {spec.asset_key for spec in check.check_specs}


def write_inputs(settings: Settings, country: str, requests: int) -> None:
    """Write a country's prompts: some worded by the real writer, and repeated for other subjects."""
    worded = write_prompts(TRANSLATED_PRODUCTS.frame([_product(number, country) for number in range(WORDED)]))
    rows = pl.concat([worded] * -(-requests // WORDED)).head(requests)
    subjects = [f"p{number}" for number in range(requests)]
    rows = rows.with_columns(
        pl.Series("subject", subjects),
        pl.Series("product_ids", [[subject] for subject in subjects]),
        pl.Series("record_hash", [f"{number:064x}" for number in range(requests)]),
        pl.Series(
            "request_id",
            [request_id(country, s, "menu-item", f"{n:064x}") for n, s in enumerate(subjects)],
        ),
    )
    lake = Lake(settings.lake)
    lake.write_table("prompts", PROMPTS.frame(rows), country)
    lake.write_table("inpainting_masks", INPAINTING_MASKS.empty(), country)


def _product(number: int, country: str) -> dict:
    name = f"{EXTRAS[number // 6 % 10]} {DISHES[number % 6]}"
    texts = {column: "" for column, dtype in TRANSLATED_PRODUCTS.schema.items() if dtype == pl.String}
    lists = {column: [] for column, dtype in TRANSLATED_PRODUCTS.schema.items() if dtype == TEXTS}
    return {
        **dict.fromkeys(TRANSLATED_PRODUCTS.columns),
        **texts,
        **lists,
        **{"product_id": f"p{number}", "country": country, "language": "en", "application": "menu-item"},
        **{"name": name, "name_en": name, "description": f"with {EXTRAS[number % 10]}", "coverage": 1.0},
        **{"description_en": f"with {EXTRAS[number % 10]}", "record_hash": f"{number:064x}"},
        **{"image_status": "missing", "image_consent": "none", "route": "text_to_image"},
        **{"translation": "none", "photo_sha256": None, "expected_text": None},
    }


def work(settings: Settings, countries: list[str]) -> None:
    """Run countries one after another in this process; print one JSON line for each."""
    job = definitions(settings).resolve_job_def(JOB)
    with open_instance(settings) as instance:
        for country in countries:
            forget_pictures()
            started, cpu = time.monotonic(), time.process_time()
            done = job.execute_in_process(run_config=QUIET, instance=instance, partition_key=country)
            checks = done.get_asset_check_evaluations()
            line = {
                "country": country,
                "success": done.success and all(check.passed for check in checks),
                "seconds": round(time.monotonic() - started, 2),
                "cpu_seconds": round(time.process_time() - cpu, 2),
                "resident_mib": _resident_mib(),
            }
            del done
            print(json.dumps(line), flush=True)


def _resident_mib() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20


def run_all(countries: list[str], environment: dict[str, str]) -> tuple[float, list[dict]]:
    """Run all countries in PROCESSES processes -> wall seconds, starts included, and a line a country."""
    started = time.monotonic()
    running = []
    for number in range(PROCESSES):
        share = ",".join(countries[number::PROCESSES])
        command = [sys.executable, "-m", "benchmarks.million", "--work", share]
        running.append(
            subprocess.Popen(  # noqa: S603
                command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
            )
        )
    lines = []
    for number, process in enumerate(running):
        output, _ = process.communicate()
        if process.returncode:
            raise SystemExit(f"process {number} ended with {process.returncode}")
        lines += [{"process": number, **json.loads(line)} for line in output.splitlines()]
    return time.monotonic() - started, lines


def folder_bytes(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def measure(requests: int, countries: list[str], folder: Path) -> dict:
    """Make the inputs, run every country once, and return the figures."""
    policy = folder / "policy.yaml"
    policy.write_text(POLICY)
    environment = {**os.environ, "PLATEFUL_HOME": str(folder / "state"), "PLATEFUL_BUDGETS": str(policy)}
    environment["PLATEFUL_CANDIDATES"] = "1"
    settings = Settings(home=folder / "state", budgets=policy, candidates=1)
    sizes = [requests // len(countries) + (n < requests % len(countries)) for n in range(len(countries))]
    for country, size in zip(countries, sizes, strict=True):
        write_inputs(settings, country, size)
    with open_instance(settings) as instance:
        before = folder_bytes(settings.dagster_home)
    load_before = os.getloadavg()[0]
    wall, lines = run_all(countries, environment)
    with open_instance(settings) as instance:
        runs = instance.get_runs_count()
    lake = Lake(settings.lake)
    made = [lake.read_table("generated_candidates", country) for country in countries]
    completed = sum(frame.filter(pl.col("status") == "ok").height for frame in made)
    return {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "load_before_and_after": [load_before, os.getloadavg()[0]],
        "requests": requests,
        "completed": completed,
        "distinct_candidates": sum(frame["candidate_id"].n_unique() for frame in made),
        "runs": runs,
        "failed_runs": sum(not line["success"] for line in lines),
        "wall_seconds": round(wall, 1),
        "cpu_seconds": round(sum(line["cpu_seconds"] for line in lines), 1),
        "cpu_milliseconds_per_request": round(
            1000 * sum(line["cpu_seconds"] for line in lines) / requests, 3
        ),
        "dagster_storage_growth_mb": round((folder_bytes(settings.dagster_home) - before) / 1e6, 2),
        "step_documents_mb": round(folder_bytes(Path(settings.lake) / "steps") / 1e6, 2),
        "manifests_and_scores_mb": round(folder_bytes(Path(settings.lake) / "parts") / 1e6, 1),
        "ledger_mb": round((settings.home / "ledger.sqlite").stat().st_size / 1e6, 1),
        "resident_mib_after_each_run": {
            str(number): [line["resident_mib"] for line in lines if line["process"] == number]
            for number in range(PROCESSES)
        },
        "seconds_per_run": [line["seconds"] for line in lines],
    }


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--countries", type=int, default=70)
    parser.add_argument("--work", help="countries for this process, of a measurement under way")
    asked = parser.parse_args()
    if asked.work:
        work(load_settings(), asked.work.split(","))
        return
    with tempfile.TemporaryDirectory() as folder:
        result = measure(asked.requests, sorted(COUNTRIES)[: asked.countries], Path(folder))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"million-{asked.requests}.json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
