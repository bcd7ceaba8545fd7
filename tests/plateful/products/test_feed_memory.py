"""A feed at rest is read once per process; whatever may have changed is looked at again."""

import csv
import os
import time
from pathlib import Path

import pytest

from plateful.errors import FeedError
from plateful.products.feed import Feed
from plateful.products.sources import COLUMNS

LONG_AGO = 1_700_000_000.0


def write(path: Path, name: str, *, country: str = "DE", changed: float = LONG_AGO, image: str = "") -> Feed:
    row = {"product_id": "p1", "vendor_id": "v1", "country": country, "name": name, "image_url": image}
    with path.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, COLUMNS)
        writer.writeheader()
        writer.writerow(row)
    os.utime(path, (changed, changed))
    return Feed(str(path))


def test_files_of_equal_names_sizes_and_dates_are_not_read_again(tmp_path: Path) -> None:
    place = tmp_path / "feed.csv"
    pizza = write(place, "Pizza").content_hash("DE")
    assert write(place, "Pasta").content_hash("DE") == pizza
    assert write(place, "Pasta", country="AT").countries() == ["DE"]
    # Its rows are those of now: only what a look found is remembered, never what a run reads.
    assert write(place, "Pasta").read("DE").products["name"].to_list() == ["Pasta"]

    assert write(place, "Pasta", changed=LONG_AGO + 1).content_hash("DE") != pizza
    assert write(place, "Pasta", country="AT", changed=LONG_AGO + 2).countries() == ["AT"]
    assert write(place, "Pizza", changed=LONG_AGO + 3).content_hash("DE") == pizza


def test_a_file_that_was_just_written_is_read_at_every_look(tmp_path: Path) -> None:
    now = time.time()
    pizza = write(tmp_path / "feed.csv", "Pizza", changed=now).content_hash("DE")
    assert write(tmp_path / "feed.csv", "Pasta", changed=now).content_hash("DE") != pizza
    assert write(tmp_path / "feed.csv", "Pasta", country="AT", changed=now).countries() == ["AT"]


def test_pictures_are_looked_at_though_the_feed_is_at_rest(tmp_path: Path) -> None:
    place, picture = tmp_path / "feed.csv", tmp_path / "a.jpg"
    absent = write(place, "Pizza", image="a.jpg").content_hash("DE")
    picture.write_bytes(b"1")
    first = Feed(str(place)).content_hash("DE")
    picture.write_bytes(b"22")
    second = Feed(str(place)).content_hash("DE")
    assert len({absent, first, second}) == 3
    assert Feed(str(place)).content_hash("DE") == second
    picture.unlink()
    assert Feed(str(place)).content_hash("DE") == absent


def test_what_was_read_of_a_changing_file_is_not_remembered(tmp_path: Path) -> None:
    place = tmp_path / "feed.csv"
    write(place, "Pizza").countries()
    looking = Feed(str(place))
    assert looking.countries() == ["DE"]
    changed = write(place, "Pasta", changed=LONG_AGO + 1).content_hash("DE")
    assert looking.content_hash("DE") == changed
    assert write(place, "Pizza").content_hash("DE") != changed


def test_a_file_that_goes_while_it_is_read_is_one_error(tmp_path: Path) -> None:
    feed = write(tmp_path / "feed.csv", "Pizza")
    (tmp_path / "feed.csv").unlink()
    with pytest.raises(FeedError, match="changed while it was read"):
        feed.countries()
