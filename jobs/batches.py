"""What a run says about the feed content that it worked on, so that no content is worked on twice."""

from plateful.products.feed import Feed

BATCH_TAG = "plateful/batch"


def batch_tags(feed: Feed, country: str) -> dict[str, str]:
    """Return the run tag of a country's present feed content: a hash of its rows, not of any clock."""
    return {BATCH_TAG: f"{country}:{feed.content_hash(country)[:24]}"}
