"""review and publishing: decisions by people or policy, and the images that other systems show."""

import dagster as dg
import polars as pl

from assets.partitions import COUNTRY
from assets.spec import contact_sheet, counts, report, table_asset
from plateful.environments import utc_now
from plateful.publishing import publish
from plateful.review.policy import decide, load_policy
from resources.lease import LeaseResource
from resources.models import ModelResource
from resources.stores import BucketResource, LakeResource, LedgerResource, WarehouseResource


@table_asset("review", partitions=COUNTRY)
def review_decisions(
    context: dg.AssetExecutionContext,
    lake: LakeResource,
    ledger: LedgerResource,
    models: ModelResource,
    lease: LeaseResource,
    prompts: pl.DataFrame,
    translated_products: pl.DataFrame,
    generated_candidates: pl.DataFrame,
    accepted_candidates: pl.DataFrame,
    quality_scores: pl.DataFrame,
    judge_verdicts: pl.DataFrame,
) -> dg.MaterializeResult[pl.DataFrame]:
    """One decision per request: a person's, else the auto-approval policy's; what neither approves waits."""
    book, store, country = ledger.open(), lake.open(), context.partition_key
    waiting = "deferred_requests"
    with lease.hold(context):
        frame = decide(
            country,
            prompts=prompts,
            translated=translated_products,
            candidates=generated_candidates,
            accepted=accepted_candidates,
            quality=quality_scores,
            judge=judge_verdicts,
            decisions=book.decisions(country),
            quarantined=book.quarantined(country, models.max_attempts),
            # A country that was last rendered before there were budgets has no such table.
            deferred=store.read_table(waiting, country) if store.has_table(waiting, country) else None,
            policy=load_policy(),
            clock=utc_now,
        )
    extra = {"status": counts(frame["status"], "status"), "decided_by": counts(frame["decided_by"], "by")}
    return dg.MaterializeResult(value=frame, metadata=report(context, frame, **extra))


@table_asset("publishing", partitions=COUNTRY, kinds=("duckdb", "webp"))
def published_images(
    context: dg.AssetExecutionContext,
    lake: LakeResource,
    bucket: BucketResource,
    warehouse: WarehouseResource,
    ledger: LedgerResource,
    lease: LeaseResource,
    products: pl.DataFrame,
    prompts: pl.DataFrame,
    generated_candidates: pl.DataFrame,
    accepted_candidates: pl.DataFrame,
    safety_scores: pl.DataFrame,
    quality_scores: pl.DataFrame,
    judge_verdicts: pl.DataFrame,
    review_decisions: pl.DataFrame,
) -> dg.MaterializeResult[pl.DataFrame]:
    """Images that may be shown: one object and one URL row each, live or retired, never deleted.

    Publishing checks every gate itself and happens exactly once: object, then one guarded merge, then the
    ledger row. Approved images that it does not show go to the `refused_images` table with their reasons.
    """
    store = lake.open()
    with lease.hold(context) as held:
        outcome = publish(
            context.partition_key,
            products=products,
            prompts=prompts,
            candidates=generated_candidates,
            accepted=accepted_candidates,
            safety=safety_scores,
            quality=quality_scores,
            judge=judge_verdicts,
            decisions=review_decisions,
            lake=store,
            bucket=bucket.open(),
            warehouse=warehouse.open(),
            ledger=ledger.open(),
            lease=held,
            clock=utc_now,
            max_left_share=warehouse.max_left_share,
        )
        store.write_table("refused_images", outcome.refused, context.partition_key)
    live = outcome.frame.filter(pl.col("status") == "live")
    extra = {
        "published_now": outcome.published_now,
        "retired_now": outcome.retired_now,
        "refused": outcome.refused.height,
        "refused_because": counts(outcome.refused["reasons"], "reason"),
        "live": live.height,
        "retired_because": counts(outcome.frame["reason"], "reason"),
        "contact_sheet": contact_sheet(store, dict(live.select("candidate_id", "product_id").iter_rows())),
    }
    return dg.MaterializeResult(value=outcome.frame, metadata=report(context, outcome.frame, **extra))
