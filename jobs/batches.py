"""What a run says about its work, feed content and decisions, so that nothing is done twice or forgotten."""

from plateful.ledger import Ledger
from plateful.products.feed import Feed

BATCH_TAG = "plateful/batch"
DECISION_TAG = "plateful/decision"


def batch_tags(feed: Feed, country: str) -> dict[str, str]:
    """Return the run tag of a country's present feed content: a hash of its rows, not of any clock."""
    return {BATCH_TAG: f"{country}:{feed.content_hash(country)[:24]}"}


def decision_tags(ledger: Ledger, country: str | None) -> dict[str, str]:
    """Return the run tag of a country's newest decision, which the run will carry out; none without one."""
    newest = ledger.newest_decisions().get(country or "")
    return {} if newest is None else {DECISION_TAG: str(newest)}
