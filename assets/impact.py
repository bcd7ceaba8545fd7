"""impact: what the pictures cost."""

import dagster as dg
import polars as pl

from assets.spec import report, table_asset
from plateful.budgets.costs import GROUP, cost_report, totals
from plateful.budgets.price import dollars
from plateful.tables import COST_REPORT
from resources.stores import LakeResource, LedgerResource


@table_asset(
    "impact",
    name="cost_report",
    partitions=None,
    kinds=("sqlalchemy", "parquet"),
    deps=["generated_candidates", "accepted_candidates", "published_images"],
)
def costs(
    context: dg.AssetExecutionContext, lake: LakeResource, ledger: LedgerResource
) -> dg.MaterializeResult[pl.DataFrame]:
    """What was charged per team, country, application and model, and per accepted and per published image.

    Read from the ledger's charges and the tables of every country that has any. It adds up to the ledger's
    sum to the micro-dollar.
    """
    charges, charged = ledger.open().budgets.metering()
    frame = cost_report(charges, charged, lake.open())
    sums: dict = {"charged": charged, "renders": len(charges), "total": dollars(charged)}
    sums |= {f"by_{name}": _table(name, totals(frame, name)) for name in GROUP}
    return dg.MaterializeResult(value=frame, metadata=report(context, frame, **sums))


def _table(name: str, sums: dict[str, int]) -> dg.MetadataValue:
    rows = [f"| {value} | {dollars(cost)} |" for value, cost in sums.items()]
    return dg.MetadataValue.md(
        "\n".join([f"| {COST_REPORT.columns[name][1]} | cost |", "| --- | ---: |", *rows])
    )
