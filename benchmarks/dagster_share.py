"""Bar C7: what Dagster adds to each image of a 5,000-candidate shard, process start apart.

Run `python -m benchmarks.dagster_share`. In one process and in turns, after a warm-up of both: a country's
`generated_candidates` run with its contract through Dagster, and the same domain functions called by hand,
each on a country of its own with 5,000 requests and the stub renderer (`benchmarks.stubs`). The difference,
divided by 5,000, is Dagster's share: resources, steps, events, step documents and metadata. Writes
`benchmarks/results/dagster_share.json`.
"""

import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import dagster as dg

from benchmarks.million import JOB, POLICY, RESULTS, definitions, write_inputs
from benchmarks.plates import summary
from benchmarks.stubs import PicturelessLake, StubGates, StubRenderer, forget_pictures
from cli.execution import QUIET
from cli.instance import open_instance
from plateful.budgets.policy import load_budgets
from plateful.contracts import validate
from plateful.countries import COUNTRIES
from plateful.environments import Settings, open_ledger, utc_now
from plateful.ledger import Lease
from plateful.models.catalog import load_catalog
from plateful.models.versions import resolve_model
from plateful.rendering.billing import Billing
from plateful.rendering.budgeted import Purse, render_within_budget
from plateful.rendering.current import current_candidates
from plateful.rendering.manifest import lost_candidates
from plateful.rendering.outcome import ShardReport
from plateful.rendering.plan import deferred_requests, pending_tasks, plan_shards, plan_tasks, replan
from plateful.rendering.settled import settled_requests
from plateful.rendering.shard import render_shard
from plateful.rendering.task import RenderTask
from plateful.scoring.completion import score_arrays
from plateful.stores import DuckDBWarehouse
from plateful.stores.parts import LOGS

CANDIDATES = 5_000
REPEATS = 3
MAX_ATTEMPTS = 3


@dataclass(frozen=True)
class ByHand:
    """The work of one `generated_candidates` run without Dagster: plan, render, collect, contract."""

    settings: Settings

    def __call__(self, country: str) -> None:
        """Bring a country's candidates into its table."""
        lake, book = PicturelessLake(self.settings.lake), open_ledger(self.settings.ledger)
        lease = book.acquire_lease(country, f"hand-{country}", timedelta(seconds=600), lambda _run: False)
        wanted = partial(self._wanted, lake, country)
        tasks = wanted()
        known = current_candidates(lake, country, tasks, book.quarantined(country, MAX_ATTEMPTS))
        published = DuckDBWarehouse(self.settings.warehouse).published(country)
        settled = settled_requests(tasks, known, None, published, book.generations(country))
        missing = pending_tasks(tasks, set(known["candidate_id"]), settled, lost_candidates(lake, country))
        for shard in plan_shards(missing, CANDIDATES):
            self._render(shard, lease, lake, wanted)
        for log in LOGS:
            lake.compact(log, country)
        tasks = wanted()
        frame = current_candidates(lake, country, tasks, book.quarantined(country, MAX_ATTEMPTS))
        lake.write_table("deferred_requests", deferred_requests(tasks, []), country)
        lake.write_table("generated_candidates", frame, country)
        upstream = {name: lake.read_table(name, country) for name in ("prompts", "deferred_requests")}
        outcome = validate("generated_candidates", lake.read_table("generated_candidates", country), upstream)
        if not outcome.passed or frame.height != CANDIDATES:
            raise SystemExit(f"{country}: {frame.height} candidates, {outcome.failures}")

    def _wanted(self, lake: PicturelessLake, country: str, model: str | None = None) -> list[RenderTask]:
        return plan_tasks(
            lake.read_table("prompts", country),
            lake.read_table("inpainting_masks", country),
            self._version(model or self.settings.model),
            candidates_per_request=1,
        )

    def _version(self, model: str):  # noqa: ANN202 - a ModelVersion
        return resolve_model(model, weights_root=self.settings.weights, catalog=self.settings.catalog)

    def _render(self, shard: list[RenderTask], lease: Lease, lake: PicturelessLake, wanted: Callable) -> None:
        book, country = open_ledger(self.settings.ledger), lease.country
        policy = load_budgets(self.settings.budgets, load_catalog(self.settings.catalog))

        def bring_in(tasks: list[RenderTask], billing: Billing) -> ShardReport:
            return render_shard(
                tasks,
                renderer=StubRenderer(self._version(tasks[0].model)),
                lake=lake,
                country=country,
                score=partial(
                    score_arrays, scorer=StubGates(), judge=StubGates(), lake=lake, country=country
                ),
                clock=utc_now,
                run_id=lease.owner,
                on_progress=lambda _done, _total: None,
                max_attempts=MAX_ATTEMPTS,
                note_failure=partial(book.note_failure, country),
                note_success=partial(book.note_success, country),
                check=partial(book.check_fence, lease),
                billing=billing,
            )

        render_within_budget(
            shard,
            purse=Purse(book.budgets, policy, lease, lambda model: self._version(model).entry),
            lake=lake,
            replan=lambda model, left: replan(left, wanted(model)),
            render=bring_in,
        )


def through_dagster(job: dg.JobDefinition, instance: dg.DagsterInstance, country: str) -> None:
    """Run a country's job in this process."""
    done = job.execute_in_process(run_config=QUIET, instance=instance, partition_key=country)
    if not (done.success and all(check.passed for check in done.get_asset_check_evaluations())):
        raise SystemExit(f"{country} failed")


def timed(work: Callable[[str], None], country: str) -> tuple[float, float]:
    """Run a country -> wall and CPU milliseconds an image."""
    forget_pictures()
    started, cpu = time.monotonic(), time.process_time()
    work(country)
    return 1000 * (time.monotonic() - started) / CANDIDATES, 1000 * (time.process_time() - cpu) / CANDIDATES


def measure(folder: Path) -> dict:
    """Run both sides in turns and return the figures."""
    policy = folder / "policy.yaml"
    policy.write_text(POLICY)
    settings = Settings(home=folder / "state", budgets=policy, candidates=1)
    job, by_hand = definitions(settings).resolve_job_def(JOB), ByHand(settings)
    countries = iter(sorted(COUNTRIES))
    runs: dict[str, list[tuple[float, float]]] = {"dagster": [], "domain": []}
    with open_instance(settings) as instance:
        sides = {"dagster": partial(through_dagster, job, instance), "domain": by_hand}
        for repeat in range(REPEATS + 1):
            for side, work in sides.items():
                country = next(countries)
                write_inputs(settings, country, CANDIDATES)
                taken = timed(work, country)
                # The first of each imports and opens what stays.
                runs[side] += [taken] if repeat else []
    pairs = list(zip(runs["dagster"], runs["domain"], strict=True))
    return {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "load": round(os.getloadavg()[0], 1),
        "candidates": CANDIDATES,
        "milliseconds_per_image": {
            side: summary([wall for wall, _ in taken]) for side, taken in runs.items()
        },
        "cpu_milliseconds_per_image": {
            side: summary([cpu for _, cpu in taken]) for side, taken in runs.items()
        },
        "dagster_share_milliseconds": summary([one[0] - other[0] for one, other in pairs]),
        "dagster_share_cpu_milliseconds": summary([one[1] - other[1] for one, other in pairs]),
    }


def main() -> None:
    """Measure, print and write."""
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder))
    (RESULTS / "dagster_share.json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
