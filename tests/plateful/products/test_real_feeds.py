"""Real feeds lose no dish: the shared CN and MY feeds, where this checkout has them."""

from pathlib import Path

import pytest

from plateful.products.feed import Feed

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "feeds"

pytestmark = pytest.mark.skipif(
    not SHARED.is_dir(), reason="../shared/data/feeds is not beside this checkout"
)


def test_every_row_is_accounted_for_and_only_repeated_ids_go() -> None:
    feed = Feed(str(SHARED))
    assert feed.unassigned().is_empty()
    rejected: dict[str, list[str]] = {}
    for country in feed.countries():
        part = feed.read(country)
        assert part.rows_in == part.products.height + part.rejects.height
        rejected[country] = part.rejects["reason"].to_list()
    assert {country: r for country, r in rejected.items() if r} == {"CN": ["duplicate_product_id"] * 3}


def test_counts_of_cn_and_my() -> None:
    feed = Feed(str(SHARED))
    assert (feed.read("CN").rows_in, feed.read("CN").products.height) == (174, 171)
    assert (feed.read("MY").rows_in, feed.read("MY").products.height) == (76, 76)
