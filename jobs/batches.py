"""What a run says about its work, feed content and decisions, so that nothing is done twice or forgotten."""

from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from plateful.ledger import Ledger
from plateful.products.feed import ProductFeed

BATCH_TAG = "plateful/batch"
DECISION_TAG = "plateful/decision"
PRODUCTS = dg.AssetKey("products")


def batch_tags(feed: ProductFeed, country: str) -> dict[str, str]:
    """Return the run tag of a country's present feed content: a hash of its rows, not of any clock."""
    return {BATCH_TAG: f"{country}:{feed.content_hash(country)[:24]}"}


def decision_tags(ledger: Ledger, country: str | None) -> dict[str, str]:
    """Return the run tag of a country's newest decision, which the run will carry out; none without one."""
    newest = ledger.newest_decisions().get(country or "")
    return {} if newest is None else {DECISION_TAG: str(newest)}


@dataclass(frozen=True)
class Made:
    """One materialization of a country's products."""

    run_id: str
    at: datetime
    feed: str
    content: str


def last_made(instance: dg.DagsterInstance, country: str, count: int = 1) -> list[Made]:
    """Return the last `count` materializations of a country's products, newest first."""
    chosen = dg.AssetRecordsFilter(asset_key=PRODUCTS, asset_partitions=[country])
    records = instance.fetch_materializations(chosen, limit=count).records
    return [
        Made(
            record.run_id,
            datetime.fromtimestamp(record.timestamp, UTC),
            *(str(record.asset_materialization.metadata[name].value) for name in ("feed", "feed_content")),
        )
        for record in records
        if record.asset_materialization and "feed_content" in record.asset_materialization.metadata
    ]


def made_from_other(instance: dg.DagsterInstance, feed: ProductFeed, country: str) -> str | None:
    """Say that a country's products came from another feed, whose images this one would retire."""
    made = last_made(instance, country)
    if not made or made[0].feed == feed.path:
        return None
    return (
        f"its products are from feed {made[0].feed}, not from {feed.path}; "
        f"to change over: plateful run --feed {feed.path} --country {country}"
    )
