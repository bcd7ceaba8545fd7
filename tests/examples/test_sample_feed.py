"""The sample feed is what the demo promises: countries, scripts, dirt, and steady photos."""

import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from examples import make_feed
from plateful.products.feed import Feed
from plateful.products.image_paths import find_picture
from plateful.prompts.scene import safe_words
from plateful.prompts.vocabulary import find_dish
from plateful.translation import translate_text

FEED = Path(make_feed.HERE) / "feed"


@pytest.fixture(scope="module")
def feed() -> Feed:
    return Feed(str(FEED))


def test_countries_products_and_scripts(feed: Feed) -> None:
    slices = {country: feed.read(country) for country in feed.countries()}
    assert len(slices) >= 8
    assert sum(part.products.height for part in slices.values()) >= 240
    names = "".join(name for part in slices.values() for name in part.products["name"])
    scripts = {unicodedata.name(c, " ").split()[0] for c in names if c.isalpha()}
    assert {"CJK", "ARABIC", "THAI", "LATIN"} <= scripts


def test_counts_add_up_and_every_kind_of_dirt_is_there(feed: Feed) -> None:
    reasons: Counter[str] = Counter()
    rows = 0
    for country in feed.countries():
        part = feed.read(country)
        assert part.rows_in == part.products.height + part.rejects.height
        assert part.rejects.height > 0
        reasons.update(part.rejects["reason"])
        rows += part.rows_in
    reasons.update(feed.unassigned()["reason"])
    assert set(reasons) == {
        "section_heading",
        "duplicate_product_id",
        "control_characters",
        "missing_product_id",
        "missing_name",
        "unsafe_url",
        "path_outside_feed",
        "bad_consent",
        "unknown_application",
        "name_too_long",
        "wrong_cell_count",
        "missing_vendor_id",
        "missing_country",
        "unknown_country",
    }
    # One heading per country, two in China.
    assert reasons["section_heading"] == 11
    lines = sum(len(list(_records(path))) for path in FEED.glob("*.csv"))
    assert rows + feed.unassigned().height == lines


def _records(path: Path) -> list[list[str]]:
    import csv

    with path.open(encoding="utf-8-sig", newline="") as handle:
        return list(csv.reader(handle))[1:]


def test_most_products_have_no_image_and_most_names_are_known(feed: Feed) -> None:
    total = with_photo = known = 0
    for country in feed.countries():
        products = feed.read(country).products
        total += products.height
        good = {name for name, spec in _specs().items() if "defect" not in spec}
        with_photo += sum(_is_good(url, good) for url in products["image_url"])
        for name, language in products.select("name", "language").iter_rows():
            known += find_dish(safe_words(translate_text(name, language.split("+")).english)) is not None
    assert 0.60 <= 1 - with_photo / total <= 0.85
    assert 0.70 <= known / total <= 0.92


def _specs() -> dict:
    import yaml

    return yaml.safe_load((make_feed.HERE / "photos.yaml").read_text(encoding="utf-8"))


def _is_good(url: str, good: set[str]) -> bool:
    return url.startswith("https://") or unicodedata.normalize("NFC", url.rpartition("/")[2]) in good


def test_photos_named_are_there_and_none_is_idle(feed: Feed) -> None:
    named = set()
    for country in feed.countries():
        for url in feed.read(country).products["image_url"]:
            if url and not url.startswith("https://"):
                found = find_picture(url, FEED)
                assert found is not None or url == "photos/gb-lost.jpg"
                named.add(found.name if found else "")
    assert named - {""} == {p.name for p in make_feed.PHOTOS.iterdir()}
    assert any(unicodedata.normalize("NFC", n) != n for n in _raw_urls(feed))


def _raw_urls(feed: Feed) -> list[str]:
    return [url for country in feed.countries() for url in feed.read(country).products["image_url"]]


def test_the_folder_is_small() -> None:
    assert sum(p.stat().st_size for p in FEED.rglob("*") if p.is_file()) <= 4_000_000


def test_photos_are_drawn_the_same_every_time(tmp_path: Path) -> None:
    names = list(_specs())[:2]
    for name in names:
        drawn = make_feed.encode(make_feed.photo(**_specs()[name]), Path(name).suffix)
        assert drawn == make_feed.encode(make_feed.photo(**_specs()[name]), Path(name).suffix)
        (tmp_path / name).write_bytes(drawn)
    assert make_feed.placeholder().shape == (256, 256, 3)
