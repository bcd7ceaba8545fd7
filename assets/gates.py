"""gates: safety, quality and fidelity of every candidate, and who passed them all."""

import dagster as dg
import polars as pl

from assets.partitions import COUNTRY
from assets.spec import contact_sheet, counts, report, table_asset
from plateful.acceptance import accept
from plateful.scoring.completion import complete
from resources.lease import LeaseResource
from resources.models import ScoringResource
from resources.stores import LakeResource


def _verdict_report(context: dg.AssetExecutionContext, frame: pl.DataFrame) -> dict:
    share = int(frame["passed"].sum()) / max(frame.height, 1)
    return report(context, frame, passed_share=round(share, 4), failures=counts(frame["failures"], "failure"))


@table_asset("gates", partitions=COUNTRY, kinds=("opencv", "onnx", "parquet"))
def safety_scores(
    context: dg.AssetExecutionContext,
    lake: LakeResource,
    scoring: ScoringResource,
    lease: LeaseResource,
    generated_candidates: pl.DataFrame,
    prompts: pl.DataFrame,
) -> dg.MaterializeResult[pl.DataFrame]:
    """Unexpected text, people and creatures in each candidate: scored in the shard, completed here."""
    with lease.hold(context):
        frame = complete(
            "safety_scores", generated_candidates, prompts, scoring, lake.open(), context.partition_key
        )
    return dg.MaterializeResult(value=frame, metadata=_verdict_report(context, frame))


@table_asset("gates", partitions=COUNTRY, kinds=("opencv", "parquet"))
def quality_scores(
    context: dg.AssetExecutionContext,
    lake: LakeResource,
    scoring: ScoringResource,
    lease: LeaseResource,
    generated_candidates: pl.DataFrame,
    prompts: pl.DataFrame,
) -> dg.MaterializeResult[pl.DataFrame]:
    """Position, margins, sharpness, exposure, contrast and saturation of each candidate."""
    with lease.hold(context):
        frame = complete(
            "quality_scores", generated_candidates, prompts, scoring, lake.open(), context.partition_key
        )
    return dg.MaterializeResult(value=frame, metadata=_verdict_report(context, frame))


@table_asset("gates", partitions=COUNTRY, kinds=("torch", "parquet"))
def judge_verdicts(
    context: dg.AssetExecutionContext,
    lake: LakeResource,
    scoring: ScoringResource,
    lease: LeaseResource,
    generated_candidates: pl.DataFrame,
    prompts: pl.DataFrame,
) -> dg.MaterializeResult[pl.DataFrame]:
    """The judge's answer to each line of the fidelity contract: does the picture show what the menu says."""
    with lease.hold(context):
        frame = complete(
            "judge_verdicts", generated_candidates, prompts, scoring, lake.open(), context.partition_key
        )
    return dg.MaterializeResult(value=frame, metadata=_verdict_report(context, frame))


@table_asset("gates", partitions=COUNTRY)
def accepted_candidates(
    context: dg.AssetExecutionContext,
    lake: LakeResource,
    scoring: ScoringResource,
    lease: LeaseResource,
    generated_candidates: pl.DataFrame,
    safety_scores: pl.DataFrame,
    quality_scores: pl.DataFrame,
    judge_verdicts: pl.DataFrame,
) -> dg.MaterializeResult[pl.DataFrame]:
    """Every candidate: accepted and ranked, or the reasons why not. A missing score is a failure."""
    with lease.hold(context):
        frame = accept(
            generated_candidates,
            safety_scores,
            quality_scores,
            judge_verdicts,
            per_request=scoring.accepted_per_request,
        )
    accepted = frame.filter("accepted")
    extra = {
        "accepted": accepted.height,
        "rejection_reasons": counts(frame["reasons"], "reason"),
        "contact_sheet": contact_sheet(
            lake.open(), dict(accepted.select("candidate_id", "subject").iter_rows())
        ),
    }
    return dg.MaterializeResult(value=frame, metadata=report(context, frame, **extra))
