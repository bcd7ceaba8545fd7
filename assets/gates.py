"""gates: safety, quality and fidelity of every candidate, and who passed them all."""

import dagster as dg
import polars as pl

from assets.partitions import COUNTRY
from assets.spec import contact_sheet, counts, report, table_asset
from plateful.acceptance import accept
from plateful.rendering.plan import first_attempts
from plateful.scoring.completion import complete
from resources.lease import LeaseResource
from resources.models import ModelResource, ScoringResource
from resources.stores import LakeResource, LedgerResource


def _gate(table: str, kinds: tuple[str, ...], description: str) -> dg.AssetsDefinition:
    """Return the asset of one gate: its scores were made in the shard, what is missing is completed here."""

    @table_asset("gates", name=table, description=description, partitions=COUNTRY, kinds=kinds)
    def gate(
        context: dg.AssetExecutionContext,
        lake: LakeResource,
        scoring: ScoringResource,
        lease: LeaseResource,
        generated_candidates: pl.DataFrame,
        prompts: pl.DataFrame,
    ) -> dg.MaterializeResult[pl.DataFrame]:
        with lease.hold(context):
            frame = complete(
                table, generated_candidates, prompts, scoring, lake.open(), context.partition_key
            )
        share = int(frame["passed"].sum()) / max(frame.height, 1)
        failures = counts(frame["failures"], "failure")
        metadata = report(context, frame, passed_share=round(share, 4), failures=failures)
        return dg.MaterializeResult(value=frame, metadata=metadata)

    return gate


safety_scores = _gate(
    "safety_scores",
    ("opencv", "onnx", "parquet"),
    "Unexpected text, people and creatures in each candidate.",
)
quality_scores = _gate(
    "quality_scores",
    ("opencv", "parquet"),
    "Position, margins, sharpness, exposure, contrast and saturation of each candidate.",
)
judge_verdicts = _gate(
    "judge_verdicts",
    ("torch", "parquet"),
    "The judge's answer to each line of the fidelity contract: does the picture show what the menu says.",
)


@table_asset("gates", partitions=COUNTRY)
def accepted_candidates(
    context: dg.AssetExecutionContext,
    lake: LakeResource,
    scoring: ScoringResource,
    models: ModelResource,
    ledger: LedgerResource,
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
            first_attempts=first_attempts(
                ledger.open().generations(context.partition_key), models.candidates_per_request
            ),
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
