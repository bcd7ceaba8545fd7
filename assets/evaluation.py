"""evaluation: how good each model version is on a frozen set of descriptions."""

import dagster as dg
import polars as pl

from assets.partitions import MODEL_VERSION
from assets.spec import contact_sheet, report, table_asset
from eval_sets import load_eval_set
from plateful.environments import utc_now
from plateful.evaluation import render_eval, score_eval, summarise
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
    version, store = models.version_named(context.partition_key), lake.open()
    frame = render_eval(
        load_eval_set(EVAL_SET).items,
        version=version,
        renderer=models.renderer,
        lake=store,
        clock=utc_now,
        run_id=context.run_id,
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
    version, store = models.version_named(context.partition_key), lake.open()
    items = load_eval_set(EVAL_SET)
    frame = score_eval(items.items, eval_images, lake=store, scorer=scoring.scorer(), judge=scoring.judge())
    metrics = summarise(frame)
    run = tracking.open().log_model_version(
        version=version, eval_set=items, scores=frame, images=eval_images, lake=store, metrics=metrics
    )
    extra = {name: round(metric.value, 4) for name, metric in metrics.total.items()}
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
