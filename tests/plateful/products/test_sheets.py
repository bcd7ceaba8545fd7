"""A Parquet feed gives up one country at a time, and is the same feed as its CSV copy."""

from pathlib import Path

import polars as pl

from plateful.products.feed import Feed
from plateful.products.sheets import SHEET, open_sheet

ROWS = {
    "product_id": ["1", "2", "3", "4", "5", "6"],
    "vendor_id": ["v"] * 6,
    "country": ["DE", " de ", "AT", None, "XX", "DE"],
    "name": ["Pizza", "Pasta", "Soup", "Tea", "Cake", "--- DRINKS ---"],
    "description": ["hot", None, "", "", "", ""],
}


def test_a_country_is_read_with_the_rows_places_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "feed.parquet"
    pl.DataFrame(ROWS).write_parquet(path, row_group_size=2)
    sheet = open_sheet(path)
    assert sheet.counts() == {"DE": 3, "AT": 1, "": 2}
    found = sheet.read("DE")
    assert found.schema == pl.Schema(SHEET)
    assert found["row"].to_list() == [1, 2, 6]
    assert found["description"].to_list() == ["hot", "", ""]
    assert sheet.read("")["row"].to_list() == [4, 5]
    assert sheet.read("FR").is_empty()


def test_a_parquet_copy_of_a_csv_feed_is_the_same_feed(tmp_path: Path) -> None:
    frame = pl.DataFrame(ROWS)
    frame.write_parquet(tmp_path / "feed.parquet")
    frame.write_csv(tmp_path / "feed.csv")
    one, other = Feed(str(tmp_path / "feed.parquet")), Feed(str(tmp_path / "feed.csv"))
    assert one.countries() == other.countries() == ["AT", "DE"]
    for country in one.countries():
        parts = one.read(country), other.read(country)
        assert parts[0].products.equals(parts[1].products)
        assert parts[0].rejects.drop("file").equals(parts[1].rejects.drop("file"))
        assert one.content_hash(country) == other.content_hash(country)
    assert one.unassigned()["row"].to_list() == other.unassigned()["row"].to_list() == [4, 5]


def test_values_that_are_no_text_are_read_as_a_csv_file_would_have_them(tmp_path: Path) -> None:
    columns = {
        **{name: values[:1] for name, values in ROWS.items()},
        "price": [4.5],
        "dietary": [["a", None, "b"]],
    }
    pl.DataFrame(columns).cast({"country": pl.Categorical}).write_parquet(tmp_path / "feed.parquet")
    product = Feed(str(tmp_path / "feed.parquet")).read("DE").products.row(0, named=True)
    assert (product["price"], product["dietary"]) == (4.5, ["a", "b"])
