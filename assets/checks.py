"""Asset checks: each table keeps its contract with the tables it was made from.

Checks are partitioned like their asset, so one country's failure never stops another, and blocking wherever
the next stage would act on bad data. Publishing checks every gate itself; these are a second net.
"""

from collections.abc import Callable

import dagster as dg
import polars as pl

from assets.evaluation import EVAL_SET
from assets.partitions import COUNTRY, MODEL_VERSION
from eval_sets import load_eval_set
from plateful.budgets.costs import differences
from plateful.contracts import ContractResult, validate
from plateful.products.feed import ProductFeed
from plateful.stores import Lake
from resources.compute import CPU_SMALL
from resources.feed import FeedResource
from resources.stores import LakeResource, LedgerResource

Upstream = Callable[[Lake, str], dict[str, pl.DataFrame]]

# Table -> the tables its contract compares it with, in the same country.
COUNTRY_CONTRACTS: dict[str, tuple[str, ...]] = {
    "products_without_images": ("products",),
    "translated_products": ("products_without_images",),
    "prompts": ("translated_products",),
    "inpainting_masks": ("products_without_images",),
    "generated_candidates": ("prompts", "deferred_requests"),
    "safety_scores": ("generated_candidates",),
    "quality_scores": ("generated_candidates",),
    "judge_verdicts": ("generated_candidates",),
    "accepted_candidates": ("generated_candidates",),
    "review_decisions": ("prompts",),
    "published_images": ("products", "prompts", "review_decisions", "refused_images"),
}


def _result(outcome: ContractResult) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=outcome.passed,
        description="; ".join(outcome.failures) or f"all {outcome.expectations} expectations hold",
        metadata={"expectations": outcome.expectations, "failures": len(outcome.failures)},
    )


def _contract_check(
    table: str, partitions: dg.PartitionsDefinition, upstream: Upstream
) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=table,
        name="contract",
        blocking=True,
        op_tags=CPU_SMALL.op_tags,
        retry_policy=CPU_SMALL.retry_policy,
        partitions_def=partitions,
        description=f"Contract of {table} with the tables it is made from, row counts included.",
    )
    def contract(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> dg.AssetCheckResult:
        store, partition = lake.open(), context.partition_key
        return _result(validate(table, store.read_table(table, partition), upstream(store, partition)))

    return contract


def _tables(names: tuple[str, ...]) -> Upstream:
    return lambda lake, partition: {name: lake.read_table(name, partition) for name in names}


def feed_counts(feed: ProductFeed, country: str) -> pl.DataFrame:
    """Return the feed's own row count of a country, one row: country, rows_in."""
    return pl.DataFrame({"country": [country], "rows_in": [feed.rows_in(country)]})


@dg.asset_check(
    asset="products",
    name="contract",
    blocking=True,
    op_tags=CPU_SMALL.op_tags,
    retry_policy=CPU_SMALL.retry_policy,
    partitions_def=COUNTRY,
    description="Every row of the feed is a product or a reject with a reason.",
)
def products_contract(
    context: dg.AssetCheckExecutionContext, lake: LakeResource, feed: FeedResource
) -> dg.AssetCheckResult:
    """Compare products and rejects with the feed."""
    store, country = lake.open(), context.partition_key
    upstream = {
        "feed_counts": feed_counts(feed.open(), country),
        "rejects": store.read_table("rejects", country),
    }
    return _result(validate("products", store.read_table("products", country), upstream))


def _eval_items(_lake: Lake, _partition: str) -> dict[str, pl.DataFrame]:
    return {"eval_items": pl.DataFrame({"item_id": [item.item_id for item in load_eval_set(EVAL_SET).items]})}


@dg.asset_check(
    asset="model_leaderboard",
    name="contract",
    blocking=True,
    op_tags=CPU_SMALL.op_tags,
    retry_policy=CPU_SMALL.retry_policy,
    description="Every model version with eval scores is on the leaderboard once.",
)
def leaderboard_contract(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> dg.AssetCheckResult:
    """Compare the leaderboard with the eval scores that exist."""
    store = lake.open()
    known = context.instance.get_dynamic_partitions(MODEL_VERSION.name or "")
    scored = [version for version in known if store.has_table("eval_scores", version)]
    upstream = {
        "evaluated_versions": pl.DataFrame({"model_version": scored}, schema={"model_version": pl.String})
    }
    return _result(validate("model_leaderboard", store.read_table("model_leaderboard", None), upstream))


@dg.asset_check(
    asset="cost_report",
    name="contract",
    blocking=True,
    op_tags=CPU_SMALL.op_tags,
    retry_policy=CPU_SMALL.retry_policy,
    description="The report adds up to the ledger's charges when it was made, money and renders.",
)
def costs_contract(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> dg.AssetCheckResult:
    """Compare the report with the ledger as it was then: other countries go on being charged."""
    made = context.instance.get_latest_materialization_event(dg.AssetKey("cost_report"))
    told = made.asset_materialization.metadata if made and made.asset_materialization else {}
    then = {"cost": [told["charged"].value], "renders": [told["renders"].value]}
    upstream = {"ledger": pl.DataFrame(then)}
    return _result(validate("cost_report", lake.open().read_table("cost_report", None), upstream))


@dg.asset_check(
    asset="cost_report",
    name="charged",
    blocking=True,
    op_tags=CPU_SMALL.op_tags,
    retry_policy=CPU_SMALL.retry_policy,
    description="What was charged is what the candidates of all countries cost, to the micro-dollar.",
)
def costs_are_charged(lake: LakeResource, ledger: LedgerResource) -> dg.AssetCheckResult:
    """Compare the ledger's charges with the candidates' own costs."""
    found = differences(ledger.open().budgets, lake.open())
    return dg.AssetCheckResult(
        passed=not found,
        description="; ".join(found) or "every candidate's cost is charged once",
        metadata={"differences": len(found)},
    )


CHECKS = [
    products_contract,
    *(_contract_check(table, COUNTRY, _tables(up)) for table, up in COUNTRY_CONTRACTS.items()),
    _contract_check("eval_images", MODEL_VERSION, _eval_items),
    _contract_check("eval_scores", MODEL_VERSION, _tables(("eval_images",))),
    leaderboard_contract,
    costs_contract,
    costs_are_charged,
]
