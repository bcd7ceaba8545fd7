"""Several models on one sample: equal prompts and seeds, seconds by stage, cost, and what is in the pictures.

Pictures are found again by candidate id, so a comparison that was stopped goes on, and a model added to it
costs that model alone. A model that cannot be had, loaded or paid for leaves its reason in its column.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from plateful.budgets.price import MICRO, Price, cost_of
from plateful.errors import BudgetError, ConfigError, ModelError, PlatefulError, RenderError
from plateful.evaluation import artifacts
from plateful.evaluation.comparison import COLUMNS, paired
from plateful.evaluation.sample import Sample
from plateful.evaluation.stages import StageSeconds, TimedRenderer
from plateful.metrics.clock import stopwatch
from plateful.models.catalog import CatalogEntry
from plateful.models.versions import ModelVersion
from plateful.rendering.budgeted import Purse, missing_tasks, not_paid, paid_in_full
from plateful.rendering.manifest import Clock, known_candidates
from plateful.rendering.plan import plan_tasks
from plateful.rendering.renderer import Renderer
from plateful.rendering.shard import ShardReport, render_shard
from plateful.rendering.task import RenderTask
from plateful.scoring.completion import Scoring, score_arrays
from plateful.stores import Lake
from plateful.tables import GENERATED_CANDIDATES, INPAINTING_MASKS

if TYPE_CHECKING:
    from plateful.scoring.scorer import Scorer

# Partition of the manifest and the scores that compared pictures share; no country has that many letters.
PARTITION = "compare"
# A failed picture is tried once more alone; it then counts against the model.
ATTEMPTS = 1
METRICS = ("passed", "safe", "no_stray_text", "layout", "quality", "fidelity", "legible")
PAIRED = {"model": pl.String, **COLUMNS}


@dataclass(frozen=True)
class Bench:
    """What a comparison works with.

    Attributes:
        resolve: catalog name -> model version; raises what is wrong with it.
        open_renderer: loads a version.
        scoring: gates and judge.
        lake: pictures, manifests, scores.
        team: who pays.
        purse: its money.
        folder: timings of earlier runs.
        clock: current time, aware UTC.
        run_id: recorded in the manifests.
        on_progress: told (model, done, total).
    """

    resolve: Callable[[str], ModelVersion]
    open_renderer: Callable[[ModelVersion], Renderer]
    scoring: Scoring
    lake: Lake
    team: str
    purse: Purse
    folder: Path
    clock: Clock
    run_id: str
    on_progress: Callable[[str, int, int], None] = lambda _model, _done, _total: None


@dataclass(frozen=True)
class Column:
    """One model on the sample, or what is wrong with it; `cost` is what was charged now, in micro-USD."""

    model: str
    entry: CatalogEntry
    price: Price
    version: ModelVersion | None = None
    problem: PlatefulError | None = None
    tasks: Mapping[str, RenderTask] = field(default_factory=dict)
    device: str | None = None
    seconds: Mapping[str, float | None] = field(default_factory=dict)
    artifacts: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=artifacts.SCHEMA))
    rendered_now: int = 0
    cost: int = 0

    def summary(self) -> dict[str, Any]:
        """Return the model's figures over the sample: counts, means and shares (None = nothing to count)."""
        done = self.artifacts.filter(pl.col("status") == "ok")
        mean = {name: _mean(self.artifacts[name]) for name in (*METRICS, "distance")}
        seconds = _mean(done["seconds"])
        usd = None if seconds is None else cost_of(self.price, seconds, 1) / MICRO
        return {
            "model": self.model,
            "model_version": self.version.digest if self.version else None,
            "status": self.entry.status,
            "problem": self.problem.message if self.problem else None,
            "device": self.device,
            "pictures": done.height,
            "failed": self.artifacts.height - done.height,
            "rendered_now": self.rendered_now,
            "usd_now": self.cost / MICRO,
            "seconds": dict(self.seconds),
            "usd_per_1000": None if usd is None else 1000 * usd,
            "usd_per_1000_passed": 1000 * usd / mean["passed"]
            if usd is not None and mean["passed"]
            else None,
            **mean,
        }


@dataclass(frozen=True)
class Comparison:
    """Models on a sample; `paired` compares each with the first that works, metric by metric."""

    sample: Sample
    columns: tuple[Column, ...]
    paired: pl.DataFrame

    @property
    def failed(self) -> tuple[Column, ...]:
        """The models of which there is nothing."""
        return tuple(column for column in self.columns if column.problem)


def compare_models(
    names: Sequence[str],
    entries: Mapping[str, CatalogEntry],
    sample: Sample,
    bench: Bench,
    prompt_seconds: float = 0.0,
) -> Comparison:
    """Put a sample to every model.

    Args:
        names: catalog names; the first is what the others are compared with.
        entries: served name -> entry, all of the catalog.
        sample: render requests.
        bench: adapters.
        prompt_seconds: what writing the sample's requests took.

    Raises:
        ConfigError: a name is not in the catalog or comes twice, or fewer than one is given.
        StoreError: a store refused; what was made stays.
    """
    _check(names, entries)
    columns = [_column(name, entries[name], sample, bench, prompt_seconds) for name in names]
    working = [column for column in columns if not column.problem]
    if not working:
        return Comparison(sample, tuple(columns), pl.DataFrame(schema=PAIRED))
    base = working[0]
    told = [_beside(column, base, bench.lake) for column in columns]
    rows = [row for column in told if column.model != base.model for row in _paired(base, column)]
    return Comparison(sample, tuple(told), pl.DataFrame(rows, schema=PAIRED))


def _check(names: Sequence[str], entries: Mapping[str, CatalogEntry]) -> None:
    unknown = [name for name in names if name not in entries]
    if unknown or not names:
        raise ConfigError(
            f"model {unknown[0]!r} is not in the catalog" if names else "no models to compare",
            fix=f"use some of {', '.join(entries)}",
        )
    repeated = [name for name in names if list(names).count(name) > 1]
    if repeated:
        raise ConfigError(f"model {repeated[0]!r} is named twice", fix="name each model once")


def _column(name: str, entry: CatalogEntry, sample: Sample, bench: Bench, prompt_seconds: float) -> Column:
    try:
        return _measured(name, entry, sample, bench, prompt_seconds)
    except (BudgetError, ConfigError, ModelError, RenderError) as error:
        return Column(name, entry, bench.purse.policy.price(entry), problem=error)


def _measured(name: str, entry: CatalogEntry, sample: Sample, bench: Bench, prompt_seconds: float) -> Column:
    version = bench.resolve(name)
    with stopwatch() as planning:
        planned = plan_tasks(sample.prompts, INPAINTING_MASKS.empty(), version, candidates_per_request=1)
        # Charges and the journal of paid calls look where the manifest is.
        tasks = [replace(task, team=bench.team, country=PARTITION) for task in planned]
    renderer = TimedRenderer(version, bench.open_renderer)
    timings = bench.folder / "seconds" / f"{version.name}.json"
    spent = StageSeconds.read(timings)
    report, scoring = _render(tasks, renderer, bench)
    new = report.rendered + report.recovered
    spent.add("prompt", prompt_seconds + planning(), len(tasks))
    spent.add("load", renderer.load_seconds, int(renderer.loaded))
    spent.add("render", renderer.render_seconds, renderer.rendered)
    spent.add("score", scoring, new)
    storing = report.seconds - renderer.load_seconds - renderer.render_seconds - scoring
    spent.add("store", max(0.0, storing), report.rendered)
    spent.write(timings)
    candidates = _candidates(tasks, bench.lake)
    found = artifacts.read_artifacts(sample.prompts, candidates, bench.scoring, bench.lake, PARTITION)
    return Column(
        name,
        entry,
        bench.purse.policy.price(entry),
        version,
        tasks={task.request_id: task for task in tasks},
        device=next(iter(candidates["device"].drop_nulls()), None),
        seconds=spent.per_picture(),
        artifacts=found,
        rendered_now=report.rendered,
        cost=int(candidates.filter(run_id=bench.run_id)["cost"].sum()),
    )


def _render(tasks: Sequence[RenderTask], renderer: TimedRenderer, bench: Bench) -> tuple[ShardReport, float]:
    """Render what is missing, for money; return the report and the seconds of scoring."""
    scoring = 0.0
    known = known_candidates(bench.lake, PARTITION).filter(pl.col("status") == "ok")
    fresh, _ = missing_tasks(tasks, known, bench.lake)

    def score(batch: list[RenderTask], arrays: list[np.ndarray]) -> None:
        nonlocal scoring
        scorer, judge = _warm(bench.scoring.scorer()), bench.scoring.judge()
        with stopwatch() as elapsed:
            score_arrays(batch, arrays, scorer=scorer, judge=judge, lake=bench.lake, country=PARTITION)
        scoring += elapsed()

    with paid_in_full(tasks, len(fresh), purse=bench.purse, known=known) as billing:
        report = render_shard(
            tasks,
            renderer=renderer,
            lake=bench.lake,
            country=PARTITION,
            score=score,
            clock=bench.clock,
            run_id=bench.run_id,
            on_progress=partial(bench.on_progress, renderer.version.model),
            max_attempts=ATTEMPTS,
            note_failure=lambda *_: ATTEMPTS,
            note_success=lambda *_: None,
            billing=billing,
        )
    if report.unpaid:
        raise not_paid(tasks[0], len(report.unpaid), bench.purse)
    return report, scoring


@lru_cache(maxsize=2)
def _warm(scorer: "Scorer") -> "Scorer":
    """Let a scorer load its detectors, so that the first model's seconds do not hold it."""
    scorer.safety(["0" * 64], [np.full((128, 128, 3), 200, np.uint8)], [None])
    return scorer


def _candidates(tasks: Sequence[RenderTask], lake: Lake) -> pl.DataFrame:
    """Return the tasks' GENERATED_CANDIDATES rows, named by the requests that ask now."""
    rows = {row["candidate_id"]: row for row in known_candidates(lake, PARTITION).iter_rows(named=True)}
    return GENERATED_CANDIDATES.frame([rows[task.candidate_id] | task.identity_row() for task in tasks])


def _beside(column: Column, base: Column, lake: Lake) -> Column:
    if column.problem or column.model == base.model:
        return column
    measured = artifacts.with_distances(column.artifacts, base.artifacts, lake)
    return replace(column, artifacts=measured)


def _paired(base: Column, column: Column) -> list[dict[str, Any]]:
    """Compare a column with the base, over the requests that have the metric."""
    both = base.artifacts.join(column.artifacts, on="request_id", suffix="_other")
    rows = []
    for metric in METRICS:
        known = both.drop_nulls([metric, f"{metric}_other"])
        if known.height:
            values = (known[name].to_numpy() for name in (metric, f"{metric}_other"))
            rows.append({"model": column.model, **paired(metric, *values)})
    return rows


def _mean(values: pl.Series) -> float | None:
    known = values.drop_nulls()
    return float(known.cast(pl.Float64).to_numpy().mean()) if len(known) else None
