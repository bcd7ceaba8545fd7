"""Whatever stands in the cells, rows in = products + rejects + feed-level rejects."""

import csv
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plateful.errors import FeedError
from plateful.products.feed import Feed
from plateful.products.sources import COLUMNS

WILD = st.one_of(
    st.text(st.characters(exclude_categories=("Cs",)), max_size=30),
    st.sampled_from(
        [
            "",
            "x" * 10_000,
            "a\x00b",
            "\u202eabc",
            'quo"te',
            "line\nbreak",
            "\r",
            ",",
            "p1",
            "DE",
            "none",
            "../x",
            "http://127.0.0.1/",
            "--- A ---",
            "\ufeff",
            "🍕",
            "photos/a.jpg",
            "\u200b",
            "http://[",
            "s3://",
            "1e999",
            "٣٤",
            "٫",
            "9" * 400,
            "٣" * 40,
        ]
    ),
)
ROW = st.fixed_dictionaries(
    {
        "product_id": st.one_of(st.sampled_from(["p1", "p2", "p3"]), WILD),
        "vendor_id": st.one_of(st.just("v"), WILD),
        "country": st.one_of(st.sampled_from(["DE", "TH", "de", "", "XX"]), WILD),
        "name": st.one_of(st.just("Pizza"), WILD),
    },
    optional=dict.fromkeys(COLUMNS[4:], WILD),
)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ROW, min_size=1, max_size=8))
def test_counts_add_up(rows: list[dict[str, str]]) -> None:
    with TemporaryDirectory() as folder:
        feed = _written(Path(folder) / "feed.csv", rows)
        slices = [feed.read(country) for country in feed.countries()]
        for part in slices:
            assert part.rows_in == part.products.height + part.rejects.height
            assert part.products["product_id"].is_unique().all()
            assert part.rejects["reason"].str.len_chars().min() != 0
        assert sum(part.rows_in for part in slices) + feed.unassigned().height == len(rows)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=200))
def test_any_text_after_the_header_is_counted(body: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "feed.csv"
        path.write_bytes(("product_id,vendor_id,country,name\np,v,DE,Pizza\n" + body).encode())
        feed = Feed(str(path))
        total = sum(feed.read(c).products.height + feed.read(c).rejects.height for c in feed.countries())
        with path.open(encoding="utf-8-sig", newline="") as handle:
            records = [r for r in list(csv.reader(handle))[1:] if r]
        assert total + feed.unassigned().height == len(records)


NAMED = st.fixed_dictionaries(
    {
        "product_id": st.sampled_from(["p1", " p1", "p2", "p3", ""]),
        "vendor_id": st.just("v"),
        "country": st.just("DE"),
        "name": st.sampled_from(["Pizza", "Soup", "", "--- DRINKS ---"]),
    }
)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.lists(NAMED, min_size=1, max_size=6).flatmap(lambda r: st.tuples(st.just(r), st.permutations(r))))
def test_feeds_of_one_hash_have_one_outcome(orders: tuple[list[dict], list[dict]]) -> None:
    with TemporaryDirectory() as folder:
        feeds = [_written(Path(folder) / f"{number}.csv", rows) for number, rows in enumerate(orders)]
        products = [feed.read("DE").products.sort("product_id") for feed in feeds]
        hashes = [feed.content_hash("DE") for feed in feeds]
    of_one_id = [
        [[r for r in rows if r["product_id"].strip() == i] for i in ("p1", "p2", "p3")] for rows in orders
    ]
    if hashes[0] == hashes[1]:
        assert products[0].equals(products[1])
    if of_one_id[0] == of_one_id[1] and all(row["product_id"] for row in orders[0]):
        assert hashes[0] == hashes[1]


SPELT = st.sampled_from(["Note", "note", " note", "NAME", " name", "Price", "price", "ſize", ""])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(SPELT, unique=True, max_size=6))
def test_parquet_columns_may_be_spelt_anyhow(extra: list[str]) -> None:
    columns = ["product_id", "vendor_id", "country", *extra]
    spelt = [column.strip().lower() for column in columns]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "feed.parquet"
        pl.DataFrame({column: ["DE"] for column in columns}).write_parquet(path)
        try:
            assert Feed(str(path)).read("DE").products["name"].to_list() == ["DE"]
        except FeedError as error:
            assert "name" not in spelt or max(map(spelt.count, ("name", "price"))) > 1, error


def _written(path: Path, rows: list[dict[str, str]]) -> Feed:
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, list(COLUMNS), quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(rows)
    return Feed(str(path))
