"""The rehearsal: Plateful's main job in production, every step in a pod, every store the real protocol.

    python -m tests.rehearsal [--countries CN,SG] [--products 4] [--json]

It ends with what ran where and with the counts, each compared with what the stores hold.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from resources.compute import GPU_RENDER
from tests.kubernetes.plane import GPU_IMAGE
from tests.rehearsal.menu import load_menu
from tests.rehearsal.stage import Stage, production


@dataclass(frozen=True)
class StepPod:
    """One pod: which step of which country it ran, where, and how that ended."""

    country: str
    step: str
    profile: str
    pool: str
    image: str
    phase: str
    seconds: float | None


@dataclass(frozen=True)
class Rehearsal:
    """What a rehearsal did.

    Attributes:
        summary: what the command said, by country and in total.
        pods: every pod of its runs, in order of their start.
        stored: what the stores hold afterwards.
        nodes: pods and most nodes at once, by node pool.
        seconds: from an empty plane to published images.
    """

    summary: Mapping[str, Any]
    pods: Sequence[StepPod]
    stored: Mapping[str, int]
    nodes: Mapping[str, tuple[int, int]]
    seconds: float

    def check(self) -> None:
        """Compare counts, stores and pods.

        Raises:
            AssertionError: they differ; names the two.
        """
        total = self.summary["total"]
        assert total["rows_in"] == total["rows_rejected"] + total["products"], total
        ended = ("published", "pending_review", "rejected", "quarantined")
        assert total["without_images"] == sum(total[name] for name in ended), total
        assert total["published"] > 0, "nothing was published"
        assert self.stored["live rows"] == self.stored["published objects"] == self.stored["ledger rows"]
        assert self.stored["candidate files"] == total["candidates"] - total.get("quarantined_candidates", 0)
        assert self.stored["money reserved"] == 0
        renders = [pod for pod in self.pods if pod.step.startswith("generated_candidates.render_shard")]
        assert renders, "no step rendered"
        for pod in renders:
            assert (pod.profile, pod.pool, pod.image) == (GPU_RENDER.name, GPU_RENDER.name, GPU_IMAGE), pod
        assert {pod.country for pod in renders} == set(self.summary["countries"])
        others = [pod for pod in self.pods if pod.profile == GPU_RENDER.name and pod not in renders]
        assert not others, f"not a render, but on a GPU: {others}"
        assert all(nodes >= 1 for _, nodes in self.nodes.values())


def rehearse(folder: Path, countries: Sequence[str], products: int | None = None) -> Rehearsal:
    """Set production up, run the main job for countries of the sample feed, and look at what it left.

    Args:
        folder: empty.
        countries: of the sample feed.
        products: rows of each country; None = all.

    Raises:
        RuntimeError: a command failed.
    """
    started = time.monotonic()
    with production(folder) as stage:
        load_menu(stage.parts.snowflake, countries, products)
        stage.json("weights", "push", "plateful-tiny")
        stage.json("doctor")
        summary = stage.json("backfill", "--countries", ",".join(countries))
        seconds = time.monotonic() - started
        with stage.instance() as instance:
            pods = step_pods(stage, instance)
        pools = {name: (pool.pods, pool.peak) for name, pool in stage.cluster.pools.items() if pool.pods}
        return Rehearsal(summary, pods, stored(stage, countries), pools, round(seconds, 1))


def step_pods(stage: Stage, instance: dg.DagsterInstance) -> list[StepPod]:
    """Return every pod of every run: steps and run workers."""
    runs = {run.run_id: run.tags.get("dagster/partition", "-") for run in instance.get_runs()}
    times = {
        (run_id, _label(stat.step_key)): stat.end_time - stat.start_time
        for run_id in runs
        for stat in instance.get_run_step_stats(run_id)
        if stat.start_time and stat.end_time
    }
    found = []
    for pod in stage.cluster.ran():
        run_id = pod.labels.get("dagster/run-id", "")
        step = pod.labels.get("dagster/op", "run worker")
        seconds = times.get((run_id, step))
        found.append(
            StepPod(
                country=runs.get(run_id, "-"),
                step=step,
                profile=pod.labels.get("plateful.io/profile", ""),
                pool=pod.pool,
                image=pod.spec["containers"][0]["image"],
                phase=pod.phase,
                seconds=None if seconds is None else round(seconds, 2),
            )
        )
    return found


def _label(step: str) -> str:
    """Return a step key as dagster-k8s writes it into a label."""
    return step.replace("[", "-").replace("]", "")


def stored(stage: Stage, countries: Sequence[str]) -> dict[str, int]:
    """Count what the stores hold, each asked in its own language."""
    parts = stage.parts
    live = parts.snowflake.execute("SELECT COUNT(*) FROM published_images WHERE status = 'live'")
    with parts.postgres.connect(parts.ledger) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM publications WHERE status = 'live'")
        (ledger,) = cursor.fetchone() or (0,)
        cursor.execute("SELECT COALESCE(SUM(held), 0) FROM reservations WHERE state = 'held'")
        (reserved,) = cursor.fetchone() or (0,)
    candidates = parts.s3.keys("lake", "rehearsal/lake/images/")
    return {
        "live rows": int(live[0][0]),
        "published objects": len(parts.s3.keys("images", "rehearsal/published/")),
        "ledger rows": int(ledger),
        "candidate files": len(candidates),
        "money reserved": int(reserved),
        "countries": len(countries),
    }


def document(done: Rehearsal) -> dict[str, Any]:
    """Return a rehearsal as JSON."""
    return asdict(done)


def table(done: Rehearsal) -> pl.DataFrame:
    """Return what ran where: one row per country, step kind and pool."""
    frame = pl.DataFrame([asdict(pod) for pod in done.pods])
    return frame.group_by("country", "step", "profile", "pool", maintain_order=True).agg(
        pl.len().alias("pods"),
        pl.col("phase").unique().sort().str.join(", "),
        pl.col("seconds").sum().round(1),
    )
