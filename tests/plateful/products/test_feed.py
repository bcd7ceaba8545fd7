"""Every row of a feed ends in exactly one place, with one named reason."""

import csv
import os
import unicodedata
from pathlib import Path

import polars as pl
import pytest

from plateful.errors import FeedError
from plateful.products.feed import FEED_PRODUCTS, Feed
from plateful.products.sources import COLUMNS
from plateful.tables import REJECTS

GOOD = {"product_id": "p1", "vendor_id": "v1", "country": "DE", "name": "Pizza", "price": "9.5"}


def write(
    path: Path, *rows: dict[str, str], columns: tuple[str, ...] = COLUMNS, encoding: str = "utf-8"
) -> Feed:
    with path.open("w", encoding=encoding, newline="") as handle:
        writer = csv.DictWriter(handle, columns)
        writer.writeheader()
        writer.writerows(rows)
    return Feed(str(path))


def reasons(feed: Feed, country: str = "DE") -> list[str]:
    part = feed.read(country)
    assert part.rows_in == part.products.height + part.rejects.height
    return part.rejects["reason"].to_list()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"product_id": " "}, "missing_product_id"),
        ({"vendor_id": ""}, "missing_vendor_id"),
        ({"name": ""}, "missing_name"),
        ({"name": "🍕 12"}, "missing_name"),
        ({"name": "x" * 10_000}, "name_too_long"),
        ({"name": "Pizza\u202eazzip"}, "control_characters"),
        ({"name": "Pizza\x00"}, "control_characters"),
        ({"product_id": "p\x071"}, "control_characters"),
        ({"description": "d" * 200_000}, "field_too_long"),
        ({"expected_text": "t" * 200}, "field_too_long"),
        ({"application": "social-story"}, "unknown_application"),
        ({"image_consent": "yes"}, "bad_consent"),
        ({"image_url": "../secret.jpg"}, "path_outside_feed"),
        ({"image_url": "/etc/passwd"}, "path_outside_feed"),
        ({"image_url": "C:\\photos\\a.jpg"}, "unsafe_url"),
        ({"image_url": "photos\\..\\..\\a.jpg"}, "path_outside_feed"),
        ({"image_url": "http://127.0.0.1/a.jpg"}, "unsafe_url"),
        ({"image_url": "file:///etc/passwd"}, "unsafe_url"),
        ({"name": "--- DRINKS ---", "price": ""}, "section_heading"),
        ({"name": "Getränke", "price": "0.00"}, "section_heading"),
    ],
)
def test_one_bad_row_gets_its_reason(tmp_path: Path, change: dict[str, str], reason: str) -> None:
    feed = write(tmp_path / "feed.csv", GOOD, GOOD | {"product_id": "p2"} | change)
    assert reasons(feed) == [reason]
    row = feed.read("DE").rejects.row(0, named=True)
    assert row["row"] == 2
    assert row["file"] == "feed.csv"
    assert row["detail"]
    assert len(row["detail"]) <= 300


def test_the_first_of_two_rows_with_one_id_wins(tmp_path: Path) -> None:
    feed = write(tmp_path / "feed.csv", GOOD, GOOD | {"name": "Pasta"}, GOOD | {"country": "AT"})
    assert reasons(feed) == ["duplicate_product_id"]
    assert feed.read("DE").products["name"].to_list() == ["Pizza"]
    assert feed.read("AT").products.height == 1


def test_an_id_that_a_rejected_row_held_is_free(tmp_path: Path) -> None:
    feed = write(tmp_path / "feed.csv", GOOD | {"name": ""}, GOOD)
    assert reasons(feed) == ["missing_name"]
    assert feed.read("DE").products.height == 1


def test_fields_are_cleaned(tmp_path: Path) -> None:
    feed = write(
        tmp_path / "feed.csv",
        GOOD
        | {
            "name": "Kaşarlı\r\nPide ",
            "description": "Mit\nKäse, € 4,50",
            "ingredients": "Käse | | Butter ",
            "price": "RM 1,204.50",
            "updated_at": "2026-11-01T10:00:00+02:00",
            "country": "de",
        },
    )
    part = feed.read("DE")
    product = part.products.row(0, named=True)
    assert part.products.schema == FEED_PRODUCTS.schema
    assert part.rejects.schema == REJECTS.schema
    assert (product["name"], product["description"]) == ("Kaşarlı Pide", "Mit Käse")
    assert product["ingredients"] == ["Käse", "Butter"]
    assert product["price"] == 1204.5
    assert product["updated_at"].isoformat() == "2026-11-01T08:00:00+00:00"
    assert (product["application"], product["image_consent"], product["expected_text"]) == (
        "menu-item",
        "none",
        None,
    )


def test_rows_without_a_country_are_feed_level_rejects(tmp_path: Path) -> None:
    feed = write(
        tmp_path / "feed.csv",
        GOOD,
        GOOD | {"country": ""},
        GOOD | {"country": "XX"},
        GOOD | {"country": "Germany"},
    )
    assert feed.countries() == ["DE"]
    assert feed.unassigned()["reason"].to_list() == ["missing_country", "unknown_country", "unknown_country"]
    assert feed.read("FR").rows_in == 0


def test_a_lost_quote_loses_no_row_silently(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_text(
        'product_id,vendor_id,country,name\np1,v,DE,Pizza\np2,v,DE\np3,v,DE,"Soup\np4,v,DE,Salad\np5,v,DE,Fish',
        encoding="utf-8",
    )
    feed = Feed(str(path))
    part = feed.read("DE")
    assert part.products["product_id"].to_list() == ["p1", "p3"]
    assert part.rejects["reason"].to_list() == ["wrong_cell_count"]
    # The rows that the open quote swallowed are visible in the name that holds them.
    assert part.products["name"].to_list()[1] == "Soup p4,v,DE,Salad p5,v,DE,Fish"


def test_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_bytes(b"product_id,vendor_id,country,name\np1,v,DE,K\xe4se\np2,v,DE,Brot\n")
    assert reasons(Feed(str(path))) == ["bad_encoding"]
    path.write_bytes("product_id,vendor_id,country,name\n".encode("utf-16"))
    with pytest.raises(FeedError, match="UTF-16"):
        Feed(str(path)).countries()


@pytest.mark.parametrize("missing", ["product_id", "vendor_id", "country", "name"])
def test_a_missing_column_is_one_error(tmp_path: Path, missing: str) -> None:
    columns = tuple(c for c in COLUMNS if c != missing)
    feed = write(tmp_path / "feed.csv", {k: v for k, v in GOOD.items() if k != missing}, columns=columns)
    with pytest.raises(FeedError, match=f"no column {missing}"):
        feed.countries()


def test_what_is_not_a_feed(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match="does not exist"):
        Feed(str(tmp_path / "nothing"))
    with pytest.raises(FeedError, match="holds no CSV"):
        Feed(str(tmp_path))
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(FeedError, match="no column"):
        Feed(str(tmp_path)).countries()
    with pytest.raises(FeedError, match="no rows"):
        write(tmp_path / "empty.csv").countries()
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    with pytest.raises(FeedError, match="not readable Parquet"):
        Feed(str(tmp_path / "broken.parquet")).countries()
    with pytest.raises(FeedError, match="'ZZ' is not known"):
        write(tmp_path / "empty.csv", GOOD).read("ZZ")


def test_a_column_twice_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "feed.csv").write_text("product_id,vendor_id,country,name,name\n1,2,DE,a,b\n")
    with pytest.raises(FeedError, match="'name' twice"):
        Feed(str(tmp_path / "feed.csv")).countries()


def test_folder_of_csv_and_parquet(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", GOOD, encoding="utf-8-sig")
    frame = pl.DataFrame(
        [
            {
                "product_id": 7,
                "vendor_id": "v",
                "country": "DE",
                "name": "Suppe",
                "ingredients": ["Linsen", "Öl"],
                "price": 4.5,
            }
        ]
    )
    frame.write_parquet(tmp_path / "b.parquet")
    feed = Feed(str(tmp_path))
    assert feed.files() == ["a.csv", "b.parquet"]
    products = feed.read("DE").products
    assert products["product_id"].to_list() == ["p1", "7"]
    assert products["ingredients"].to_list() == [[], ["Linsen", "Öl"]]
    assert products["price"].to_list() == [9.5, 4.5]


def test_content_hash_follows_content_alone(tmp_path: Path) -> None:
    photo = tmp_path / "a.jpg"
    photo.write_bytes(b"1")
    rows = GOOD | {"image_url": "a.jpg"}, GOOD | {"product_id": "p2", "name": "Soup"}
    first = write(tmp_path / "feed.csv", *rows).content_hash("DE")
    os.utime(tmp_path / "feed.csv", (1, 1))
    assert write(tmp_path / "feed.csv", *reversed(rows)).content_hash("DE") == first
    assert write(tmp_path / "feed.csv", *rows, GOOD | {"country": "AT"}).content_hash("DE") == first
    assert write(tmp_path / "feed.csv", rows[0], rows[1] | {"name": "Stew"}).content_hash("DE") != first
    assert write(tmp_path / "feed.csv", *rows, GOOD).content_hash("DE") != first
    photo.write_bytes(b"22")
    assert write(tmp_path / "feed.csv", *rows).content_hash("DE") != first


def test_record_hash_follows_what_decides_the_picture(tmp_path: Path) -> None:
    def record(**change: str) -> str:
        return write(tmp_path / "feed.csv", GOOD | change).read("DE").products["record_hash"][0]

    assert record(price="11", image_url="x.jpg", vendor_name="V", updated_at="2026-01-01") == record()
    for change in (
        {"name": "Pasta"},
        {"description": "d"},
        {"ingredients": "a"},
        {"allergens": "nuts"},
        {"application": "butcher-cuts"},
    ):
        assert record(**change) != record()


def test_links_and_decomposed_names(tmp_path: Path) -> None:
    root = tmp_path / "feed"
    root.mkdir()
    (tmp_path / "secret.jpg").write_bytes(b"x")
    (root / "out.jpg").symlink_to(tmp_path / "secret.jpg")
    (root / "köfte.jpg").write_bytes(b"x")
    (root / "in.jpg").symlink_to(root / "köfte.jpg")
    names = ["out.jpg", "in.jpg", unicodedata.normalize("NFD", "köfte.jpg"), "not-there.jpg"]
    feed = write(
        root / "f.csv", *(GOOD | {"product_id": str(i), "image_url": n} for i, n in enumerate(names))
    )
    part = feed.read("DE")
    assert part.products["product_id"].to_list() == ["1", "2", "3"]
    assert part.rejects["reason"].to_list() == ["path_outside_feed"]


def test_which_of_two_rows_comes_first_is_content(tmp_path: Path) -> None:
    rows = GOOD, GOOD | {"name": "Pasta"}
    first = write(tmp_path / "feed.csv", *rows).content_hash("DE")
    assert write(tmp_path / "feed.csv", *reversed(rows)).content_hash("DE") != first


def test_a_photo_that_comes_later_under_a_decomposed_name_is_seen(tmp_path: Path) -> None:
    feed = write(tmp_path / "feed.csv", GOOD | {"image_url": "köfte.jpg"})
    before = feed.content_hash("DE")
    (tmp_path / unicodedata.normalize("NFD", "köfte.jpg")).write_bytes(b"x")
    assert Feed(feed.path).content_hash("DE") != before
