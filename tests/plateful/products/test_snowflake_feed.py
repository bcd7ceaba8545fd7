"""A feed in a Snowflake table, read through the real connector against a server on the loopback."""

# ruff: noqa: S608 - the tables are the test's own

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from eval_sets import load_eval_set
from plateful.environments import open_feed
from plateful.errors import ConfigError, FeedError
from plateful.evaluation.sample import load_sample
from plateful.products.feed import Feed, ProductFeed
from tests.servers.snowflake import SnowflakeServer, running_snowflake

PATH = "snowflake://shop.menus.products"
TABLE = "SHOP.MENUS.PRODUCTS"
COLUMNS = (
    "product_id VARCHAR, vendor_id VARCHAR, country VARCHAR, name VARCHAR, price NUMBER(10, 2), "
    "ingredients ARRAY, image_url VARCHAR, updated_at TIMESTAMP_NTZ, internal_note VARCHAR"
)
ROWS = (
    ("sg-1", "v", "SG", "Prawn noodle soup", 5.5, "['prawn', 'egg']", "", "2026-01-01"),
    ("sg-2", "v", " sg", "Laksa", 6, "NULL", "https://img.example.com/a.jpg", "2026-01-02"),
    ("sg-2", "v", "SG", "Laksa, newer", 6, "NULL", "", "2026-02-02"),
    ("sg-3", "v", "SG", "Kaya toast", 2, "NULL", "photos/kaya.jpg", "2026-01-02"),
    ("de-1", "v", "DE", "Currywurst", 4, "NULL", "", "2026-01-01"),
    ("xx-1", "v", "ZZ", "Nowhere", 4, "NULL", "", "2026-01-01"),
    ("no-1", "v", None, "Nowhere", 4, "NULL", "", "2026-01-01"),
)


@pytest.fixture(scope="module")
def running() -> Iterator[SnowflakeServer]:
    with running_snowflake() as server:
        yield server


@pytest.fixture
def server(running: SnowflakeServer, monkeypatch: pytest.MonkeyPatch) -> SnowflakeServer:
    running.execute(
        "CREATE SCHEMA IF NOT EXISTS SHOP.MENUS",
        f"CREATE OR REPLACE TABLE {TABLE} ({COLUMNS})",
        insert(*ROWS),
    )
    running.asked.clear()
    for name, value in running.variables().items():
        monkeypatch.setenv(name, value)
    return running


def insert(*rows: tuple) -> str:
    def value(cell: object) -> str:
        return "NULL" if cell is None else f"'{cell}'" if isinstance(cell, str) else str(cell)

    def select(row: tuple) -> str:
        *first, ingredients, image, updated = row
        array = "NULL" if ingredients == "NULL" else f"ARRAY_CONSTRUCT({ingredients[1:-1]})"
        return f"SELECT {', '.join(map(value, first))}, {array}, {value(image)}, {value(updated)}, 'n'"

    return f"INSERT INTO {TABLE} " + " UNION ALL ".join(map(select, rows))


def test_rows_become_products_and_rejects(server: SnowflakeServer) -> None:
    del server
    feed = open_feed(PATH)
    assert feed.countries() == ["DE", "SG"]
    assert feed.root is None
    part = feed.read("SG")
    assert (part.rows_in, feed.rows_in("SG"), feed.rows_in("DE"), feed.rows_in("FR")) == (4, 4, 1, 0)
    products = {row["product_id"]: row for row in part.products.iter_rows(named=True)}
    assert set(products) == {"sg-1", "sg-2"}
    assert products["sg-1"]["ingredients"] == ["prawn", "egg"]
    assert products["sg-1"]["price"] == 5.5
    assert products["sg-1"]["updated_at"] == datetime(2026, 1, 1, tzinfo=UTC)
    # Of equal ids the newest stays: a table has no order.
    assert products["sg-2"]["name"] == "Laksa, newer"
    assert dict(part.rejects.select("product_id", "reason").iter_rows()) == {
        "sg-2": "duplicate_product_id",
        "sg-3": "path_without_folder",
    }
    assert part.rejects["file"].unique().to_list() == [PATH]
    assert feed.unassigned().sort("reason")["reason"].to_list() == ["missing_country", "unknown_country"]


def test_models_are_compared_on_its_products(server: SnowflakeServer) -> None:
    del server
    sample = load_sample("feed:SG:2", feed=lambda: open_feed(PATH), eval_set=load_eval_set)
    assert sorted(sample.prompts["subject"]) == ["sg-1", "sg-2"]


def test_a_country_reads_its_own_rows_only_and_once(server: SnowflakeServer) -> None:
    feed = open_feed(PATH)
    feed.countries()
    feed.read("DE")
    feed.read("DE")
    assert feed.content_hash("DE")
    assert feed.read("FR").rows_in == 0
    reads = [text for text in server.asked.statements if "WHERE" in text]
    assert [text.partition("WHERE ")[2] for text in reads] == ['"COUNTRY" IN (?)', '"COUNTRY" IN (NULL)']
    assert sum("GROUP BY" in text for text in server.asked.statements) == 1
    assert not any("INTERNAL_NOTE" in text for text in reads)


def test_unchanged_countries_are_told_without_reading_them(server: SnowflakeServer) -> None:
    def told() -> tuple[str, str, str]:
        feed = open_feed(PATH)
        return feed.state(), feed.content_hash("SG"), feed.content_hash("DE")

    first = told()
    assert told() == first
    server.execute(f"UPDATE {TABLE} SET internal_note = 'changed'")
    assert told() == first
    server.execute(f"UPDATE {TABLE} SET name = 'Laksa lemak' WHERE name = 'Laksa'")
    second = told()
    assert second[0] != first[0]
    assert second[1] != first[1]
    assert second[2] == first[2]
    server.execute(f"DELETE FROM {TABLE} WHERE product_id = 'de-1'")
    assert open_feed(PATH).countries() == ["SG"]
    assert not any("WHERE" in text for text in server.asked.statements)


def test_the_hash_is_of_what_was_read(server: SnowflakeServer) -> None:
    before = open_feed(PATH).content_hash("SG")
    feed = open_feed(PATH)
    feed.read("SG")
    server.execute(f"DELETE FROM {TABLE} WHERE product_id = 'sg-1'")
    assert feed.content_hash("SG") == before != open_feed(PATH).content_hash("SG")
    assert feed.rows_in("SG") == 4


def test_the_feed_has_a_warehouse_of_its_own(
    server: SnowflakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLATEFUL_SNOWFLAKE_FEED_WAREHOUSE", "READING_WH")
    open_feed(PATH).countries()
    assert {(one.warehouse, one.query_tag) for one in server.asked.logins} == {
        ("READING_WH", "plateful/feed")
    }


def test_a_view_is_a_feed_too(server: SnowflakeServer) -> None:
    server.execute(f"CREATE OR REPLACE VIEW SHOP.MENUS.OPEN AS SELECT * FROM {TABLE} WHERE country = 'DE'")
    feed = open_feed("snowflake://SHOP.MENUS.OPEN")
    assert feed.countries() == ["DE"]
    assert feed.read("DE").products["name"].to_list() == ["Currywurst"]


def test_it_reads_as_the_same_rows_in_a_file_do(server: SnowflakeServer, tmp_path: Path) -> None:
    del server
    lines = ["product_id,vendor_id,country,name,price,ingredients,updated_at"]
    lines += ["sg-1,v,SG,Prawn noodle soup,5.5,prawn | egg,2026-01-01", "de-1,v,DE,Currywurst,4,,2026-01-01"]
    (tmp_path / "feed.csv").write_text("\n".join(lines))
    in_file, in_table = Feed(str(tmp_path / "feed.csv")), open_feed(PATH)

    def product(feed: ProductFeed, country: str) -> dict:
        return feed.read(country).products.row(0, named=True)

    for country in ("SG", "DE"):
        assert product(in_table, country) == product(in_file, country)


@pytest.mark.parametrize(
    "path",
    [
        "snowflake://a.b",
        "snowflake://a.b.c.d",
        'snowflake://a.b."c',
        "snowflake://a.b.c;DROP TABLE x",
        "snowflake://",
    ],
)
def test_only_plain_names_reach_a_statement(server: SnowflakeServer, path: str) -> None:
    with pytest.raises(ConfigError):
        open_feed(path)
    assert server.asked.statements == []


def test_odd_column_names_are_quoted(server: SnowflakeServer) -> None:
    server.execute(
        'CREATE OR REPLACE TABLE SHOP.MENUS.ODD ("product_id" VARCHAR, "vendor_id" VARCHAR, '
        '"Country" VARCHAR, "name" VARCHAR, "a b; x" VARCHAR)',
        "INSERT INTO SHOP.MENUS.ODD VALUES ('p', 'v', 'DE', 'Brezel', 'z')",
    )
    assert open_feed("snowflake://SHOP.MENUS.ODD").read("DE").products["name"].to_list() == ["Brezel"]


def test_what_is_wrong_is_named(server: SnowflakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.execute("CREATE OR REPLACE TABLE SHOP.MENUS.BARE (product_id VARCHAR, name VARCHAR)")
    with pytest.raises(FeedError, match="has no column vendor_id, country"):
        open_feed("snowflake://SHOP.MENUS.BARE").countries()
    with pytest.raises(FeedError, match=r"'snowflake://SHOP\.MENUS\.NOPE'.*does not exist"):
        open_feed("snowflake://SHOP.MENUS.NOPE").countries()
    server.execute(f"DELETE FROM {TABLE}")
    with pytest.raises(FeedError, match="has no rows"):
        open_feed(PATH).countries()
    monkeypatch.delenv("PLATEFUL_SNOWFLAKE_ACCOUNT")
    with pytest.raises(ConfigError, match="PLATEFUL_SNOWFLAKE_ACCOUNT"):
        open_feed(PATH)
