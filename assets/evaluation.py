"""evaluation: how good each model version is on a frozen set of descriptions."""

from functools import partial

import dagster as dg
import polars as pl

from assets.partitions import MODEL_VERSION
from assets.spec import contact_sheet, report, table_asset
from eval_sets import load_eval_set
from plateful import progress
from plateful.environments import utc_now
from plateful.evaluation.images import eval_arrays, render_eval
from plateful.evaluation.scores import score_eval, summarise
from resources.compute import GPU_RENDER
from resources.models import ModelResource, ScoringResource
from resources.stores import LakeResource
from resources.tracking import TrackingResource

EVAL_SET = "plates_v1"


@table_asset("evaluation", partitions=MODEL_VERSION, kinds=("diffusers", "torch", "png"), profile=GPU_RENDER)
def eval_images(
    context: dg.AssetExecutionContext, models: ModelResource, lake: LakeResource
) -> dg.MaterializeResult[pl.DataFrame]:
    """One picture per description of the frozen eval set, on seeds shared by all models."""
    store = lake.open()
    models.version_named(context.partition_key)
    frame = render_eval(
        load_eval_set(EVAL_SET).items,
        models.renderer(store),
        store,
        clock=utc_now,
        run_id=context.run.run_id,
        on_progress=partial(progress.report, "evaluate"),
    )
    good = frame.filter(pl.col("status") == "ok")
    sheet = contact_sheet(store, dict(good.select("candidate_id", "stratum").iter_rows()))
    return dg.MaterializeResult(value=frame, metadata=report(context, frame, contact_sheet=sheet))


@table_asset("evaluation", partitions=MODEL_VERSION, kinds=("torch", "mlflow", "parquet"))
def eval_scores(
    context: dg.AssetExecutionContext,
    models: ModelResource,
    scoring: ScoringResource,
    lake: LakeResource,
    tracking: TrackingResource,
    eval_images: pl.DataFrame,
) -> dg.MaterializeResult[pl.DataFrame]:
    """Scores per eval item, logged to MLflow: one run and one registered version per model version."""
    version, frozen = models.version_named(context.partition_key), load_eval_set(EVAL_SET)
    arrays = eval_arrays(lake.open(), eval_images)
    frame = score_eval(
        frozen.items, eval_images, arrays, scoring.clip_model(), scoring.scorer(), scoring.judge()
    )
    metrics = summarise(frame)
    strata = dict(eval_images.select("candidate_id", "stratum").iter_rows())
    run = tracking.open().log_model_version(
        version.model,
        version.digest,
        frame,
        metrics,
        images=list(arrays.values()),
        labels=[strata[candidate] for candidate in arrays],
        params=version.profile.model_dump(),
        card={
            "model": version.model,
            "digest": version.digest,
            "licence": version.entry.licence.model_dump(),
        },
        alias="serving",
        tags={"eval_set": frozen.digest, "scorer": scoring.version(), "judge": scoring.judge_version()},
    )
    extra = {name: round(value, 4) for name, value in metrics.items() if "/" not in name}
    return dg.MaterializeResult(
        value=frame, metadata=report(context, frame, mlflow=dg.MetadataValue.url(run.url), **extra)
    )


@table_asset("evaluation", partitions=None, kinds=("mlflow", "parquet"), deps=["eval_scores"])
def model_leaderboard(
    context: dg.AssetExecutionContext, tracking: TrackingResource
) -> dg.MaterializeResult[pl.DataFrame]:
    """Every evaluated model version, best first, read back from MLflow with a link to each run."""
    frame = tracking.open().leaderboard()
    return dg.MaterializeResult(value=frame, metadata=report(context, frame))
