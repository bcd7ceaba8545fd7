"""generation: masks on vendor photos, and rendered candidates."""

from collections.abc import Iterator
from functools import partial

import dagster as dg
import polars as pl

from assets.partitions import COUNTRY
from assets.spec import (
    OWNERS,
    contact_sheet,
    counts,
    overlay_sheet,
    performance,
    preview,
    report,
    table_asset,
)
from plateful import progress
from plateful.budgets.price import dollars
from plateful.environments import utc_now
from plateful.ledger import Lease, Ledger
from plateful.metrics.figures import Figures, total
from plateful.metrics.meter import METER
from plateful.rendering.billing import Billing
from plateful.rendering.budgeted import Purse, Render, render_within_budget
from plateful.rendering.current import current_candidates
from plateful.rendering.manifest import lost_candidates
from plateful.rendering.masking import mask_photos
from plateful.rendering.outcome import ShardReport
from plateful.rendering.plan import deferred_requests, pending_tasks, plan_tasks, replan
from plateful.rendering.plan import plan_shards as split_shards
from plateful.rendering.settled import settled_requests
from plateful.rendering.shard import render_shard as render
from plateful.rendering.task import RenderTask
from plateful.scoring.completion import score_arrays
from plateful.stores import Lake
from resources.budgets import BudgetResource
from resources.compute import CPU_SMALL, GPU_RENDER
from resources.lease import LeaseResource
from resources.masks import MaskResource
from resources.metrics import measured
from resources.models import ModelResource, ScoringResource
from resources.stores import LakeResource, LedgerResource, WarehouseResource, table_columns

_COUNTED = ("rendered", "recovered", "quarantined", "seconds")
# Photos without a mask that the UI lists with their reasons; the table holds them all.
SHOWN_WITHOUT_MASK = 40


@table_asset("generation", partitions=COUNTRY, kinds=("opencv", "parquet"))
def inpainting_masks(
    context: dg.AssetExecutionContext,
    lake: LakeResource,
    lease: LeaseResource,
    masks: MaskResource,
    products_without_images: pl.DataFrame,
) -> dg.MaterializeResult[pl.DataFrame]:
    """Where the dish is in each poor vendor photo whose vendor consented: the detector in use, and GrabCut.

    A photo that shows no dish gets no mask and says why; its product is rendered from text instead. Masks are
    made once per photo and method (detector, weights, code).
    """
    store = lake.open()
    with lease.hold(context):
        frame = mask_photos(
            products_without_images, store, masks, _last(store, "inpainting_masks", context.partition_key)
        )
        overlays = overlay_sheet(store, frame)
    without = frame.filter(pl.col("mask_sha256").is_null()).select("product_id", "status", "photo_sha256")
    extra = {
        "status": counts(frame["status"], "status"),
        "without_mask": dg.MetadataValue.md(preview(without, rows=SHOWN_WITHOUT_MASK)),
        "overlays": overlays,
        "method": masks.method(),
    }
    return dg.MaterializeResult(value=frame, metadata=report(context, frame, **extra))


def _last(store: Lake, table: str, country: str) -> pl.DataFrame | None:
    return store.read_table(table, country) if store.has_table(table, country) else None


def _wanted(
    models: ModelResource,
    book: Ledger,
    country: str,
    prompts: pl.DataFrame,
    masks: pl.DataFrame,
    model: str | None = None,
) -> list[RenderTask]:
    return plan_tasks(
        prompts,
        masks,
        models.version(model),
        candidates_per_request=models.candidates_per_request,
        generations=book.generations(country),
        text_in_reserve=True,
    )


@dg.op(
    out=dg.DynamicOut(dict, io_manager_key="step_io"),
    tags=CPU_SMALL.op_tags,
    retry_policy=CPU_SMALL.retry_policy,
)
@measured("plan_shards")
def plan_shards(
    context: dg.OpExecutionContext,
    models: ModelResource,
    lake: LakeResource,
    ledger: LedgerResource,
    warehouse: WarehouseResource,
    lease: LeaseResource,
    prompts: pl.DataFrame,
    inpainting_masks: pl.DataFrame,
) -> Iterator[dg.DynamicOutput[dict]]:
    """Plan the candidates that are missing, in shards of one model, route and size each."""
    country, store, book = context.partition_key, lake.open(), ledger.open()
    with lease.hold(context):
        tasks = _wanted(models, book, country, prompts, inpainting_masks)
        known = current_candidates(store, country, tasks, book.quarantined(country, models.max_attempts))
        settled = settled_requests(
            tasks,
            known,
            _last(store, "review_decisions", country),
            warehouse.open().published(country),
            book.generations(country),
        )
        lost = lost_candidates(store, country)
        missing = pending_tasks(tasks, set(known["candidate_id"]), settled, lost)
    context.log.info(f"{country}: {len(tasks)} candidates wanted, {len(missing)} to render")
    for number, shard in enumerate(split_shards(missing, models.shard_size)):
        document = {"tasks": [task.to_json() for task in shard]}
        yield dg.DynamicOutput(document, mapping_key=f"shard_{number:04d}")


def _renderer(
    context: dg.OpExecutionContext,
    models: ModelResource,
    scoring: ScoringResource,
    store: Lake,
    book: Ledger,
    held: Lease,
) -> Render:
    """Return what renders and scores tasks of one model with somebody's money."""
    country = context.partition_key

    def bring_in(tasks: list[RenderTask], billing: Billing) -> ShardReport:
        return render(
            tasks,
            renderer=models.renderer(store, tasks[0].model),
            lake=store,
            country=country,
            score=partial(
                score_arrays, scorer=scoring.scorer(), judge=scoring.judge(), lake=store, country=country
            ),
            clock=utc_now,
            run_id=context.run.run_id,
            on_progress=partial(progress.report, f"render {country}"),
            max_attempts=models.max_attempts,
            note_failure=partial(book.note_failure, country),
            note_success=partial(book.note_success, country),
            check=partial(book.check_fence, held),
            billing=billing,
        )

    return bring_in


@dg.op(
    out=dg.Out(dict, io_manager_key="step_io"),
    tags=GPU_RENDER.op_tags,
    retry_policy=GPU_RENDER.retry_policy,
    pool=GPU_RENDER.pool,
)
@measured("render_shard")
def render_shard(
    context: dg.OpExecutionContext,
    models: ModelResource,
    scoring: ScoringResource,
    lake: LakeResource,
    ledger: LedgerResource,
    lease: LeaseResource,
    budgets: BudgetResource,
    prompts: pl.DataFrame,
    inpainting_masks: pl.DataFrame,
    shard: dict,
) -> dict:
    """Render what the team has money for and score every picture in memory; safe to kill and to repeat."""
    country, store, book = context.partition_key, lake.open(), ledger.open()
    tasks = [RenderTask.from_json(task) for task in shard["tasks"]]
    before = Figures.now(METER)
    with lease.hold(context) as held:
        outcome = render_within_budget(
            tasks,
            purse=Purse(book.budgets, budgets.open(), held, lambda model: models.version(model).entry),
            lake=store,
            replan=lambda model, left: replan(
                left, _wanted(models, book, country, prompts, inpainting_masks, model)
            ),
            render=_renderer(context, models, scoring, store, book, held),
        )
    context.log.info(f"{country}: {outcome}")
    return {
        **{name: getattr(outcome.shard, name) for name in _COUNTED},
        "figures": Figures.now(METER).since(before).to_json(),
        "downgraded": outcome.downgraded,
        "deferred": dict(outcome.deferred),
    }


@dg.op(
    out=dg.Out(pl.DataFrame, io_manager_key="io_manager"),
    tags=CPU_SMALL.op_tags,
    retry_policy=CPU_SMALL.retry_policy,
)
@measured("collect")
def collect(
    context: dg.OpExecutionContext,
    lake: LakeResource,
    ledger: LedgerResource,
    models: ModelResource,
    lease: LeaseResource,
    prompts: pl.DataFrame,
    inpainting_masks: pl.DataFrame,
    shards: list[dict],
) -> dg.Output[pl.DataFrame]:
    """Gather every candidate of the current requests, those of earlier runs included."""
    country, store, book = context.partition_key, lake.open(), ledger.open()
    with lease.hold(context):
        for log in ("generated_candidates", "safety_scores", "quality_scores", "judge_verdicts"):
            store.compact(log, country)
        tasks = _wanted(models, book, country, prompts, inpainting_masks)
        frame = current_candidates(store, country, tasks, book.quarantined(country, models.max_attempts))
        deferred = deferred_requests(tasks, [shard["deferred"] for shard in shards])
        store.write_table("deferred_requests", deferred, country)
    good = frame.filter(pl.col("status") == "ok")
    seconds = sum(shard["seconds"] for shard in shards)
    figures = total(Figures.from_json(shard["figures"]) for shard in shards)
    extra = {
        "rendered_now": sum(shard["rendered"] for shard in shards),
        "quarantined_now": sum(shard["quarantined"] for shard in shards),
        "deferred": deferred.height,
        "deferred_because": counts(deferred["detail"], "detail"),
        "downgraded_now": sum(shard["downgraded"] for shard in shards),
        "cost": dollars(int(frame["cost"].sum())),
        "render_seconds": round(seconds, 2),
        **performance(figures, sum(shard["rendered"] for shard in shards), seconds),
        "quarantine_reasons": counts(frame["reason"], "reason"),
        "contact_sheet": contact_sheet(store, dict(good.select("candidate_id", "subject").iter_rows())),
    }
    return dg.Output(frame, metadata=report(context, frame, **extra))


@dg.graph_asset(
    group_name="generation",
    partitions_def=COUNTRY,
    kinds={"diffusers", "torch", "png"},
    owners=OWNERS,
    metadata={"dagster/column_schema": table_columns("generated_candidates")},
)
def generated_candidates(prompts: pl.DataFrame, inpainting_masks: pl.DataFrame) -> pl.DataFrame:
    """Rendered candidates with everything needed to render the same pixels again.

    Only what is missing is rendered: a subject with a live or waiting image for its current record is
    settled, and a picture that was lost is made again. Images are stored losslessly under their candidate
    id; a killed run repeats at most one batch. Each shard reserves its team's money first; requests that it
    has none for go to a cheaper model, wait in `deferred_requests`, or stop the run, as the policy says.
    """
    shards = plan_shards(prompts, inpainting_masks)
    reports = shards.map(lambda shard: render_shard(prompts, inpainting_masks, shard))
    return collect(prompts, inpainting_masks, reports.collect())
