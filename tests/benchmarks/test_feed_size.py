"""The generated feed is dirty in every way that is counted, and both sides find the same in it."""

from pathlib import Path

from benchmarks.feed_rows import write_feed
from benchmarks.feed_size import pandas_side, plateful_side


def test_all_sides_find_the_same_products_and_reasons(tmp_path: Path) -> None:
    feed = tmp_path / "feed.parquet"
    write_feed(feed, 60_000)
    rows, reasons = plateful_side(feed)()()
    assert len(rows) > 200
    assert {"duplicate_product_id", "section_heading"} <= set(reasons)
    for filtered in (True, False):
        assert pandas_side(feed, filtered=filtered)()() == (rows, reasons)
