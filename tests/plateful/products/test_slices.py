"""Rows taken by columns become exactly what they become one by one."""

import unicodedata
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plateful.products.cleaning import one_line
from plateful.products.columns import one_lines
from plateful.products.rows import Fault, parse_row
from plateful.products.sheets import SHEET, raw_rows
from plateful.products.slices import FEED_PRODUCTS, feed_slice
from plateful.products.sources import COLUMNS

ROOT = Path("/nowhere")
GOOD = {
    **dict.fromkeys(COLUMNS, ""),
    **{"product_id": "p", "vendor_id": "v", "country": "DE", "name": "Pizza", "description": "hot"},
}
# One code point of every kind that is treated in some way, and what prices, lists and JSON are made of.
PIECES = st.sampled_from(
    [
        *"aÄ \n\t\u00a0\u3000\u2028\x1c\x07\u200b\u200d\ufeff\u202e\u2066\ufdd0\U000e0001\x7f\x85\ufffeﷺ",
        *'"\\,€٣½麵🍕İſ/|',
        *("o\u0308", "  ", " | ", "4.50", "RM 5", "15元", "(9,50 EUR)"),
    ]
)
TEXT = st.lists(PIECES, max_size=8).map("".join)
URLS = st.sampled_from(
    [
        *(
            "",
            "https://cdn.example.com/a/b.jpg",
            " https://example.com/a.jpg ",
            "a/b.jpg",
            "../b.jpg",
            "//x/y",
        ),
        *("http://10.0.0.1/a.jpg", "https://localhost/a.jpg", "https://u@example.com/a.jpg", "s3://b/k"),
        *("http://example.com:22/a.jpg", "https://0x7f.1/a", "https://-.example.com/a", "https://a..com/b"),
        "https://example.com/" + "a" * 3000,
    ]
)
LONG = st.sampled_from([0, 60, 200, 300, 2_000, 20_001]).map(lambda count: "x" * count)
ROW = st.fixed_dictionaries(
    {},
    optional={
        **{column: st.one_of(TEXT, LONG) for column in COLUMNS if column not in ("country", "image_url")},
        "product_id": st.one_of(st.sampled_from(["p1", " p1", "p2"]), TEXT),
        "name": st.one_of(st.sampled_from(["Starters", "--- DRINKS ---"]), TEXT, LONG),
        "description": st.one_of(st.sampled_from(["", "RM 5", "(9,50 EUR)"]), TEXT, LONG),
        "image_url": st.one_of(URLS, TEXT),
        "price": st.one_of(st.sampled_from(["", "0", "4,95", "RM 1,204.50", "1e9", "-3"]), TEXT),
        "application": st.one_of(st.sampled_from(["", "Menu-Item ", "banner"]), TEXT),
        "image_consent": st.sampled_from(["", "EDIT", "train", "yes"]),
        "updated_at": st.sampled_from(["", "2026-11-01", "2026-11-01T10:00:00+02:00", "soon"]),
        "ingredients": st.one_of(
            st.just(""), st.just(" | "), st.just(" a | | b"), st.just("i|" * 61), st.just("y" * 201), TEXT
        ),
    },
)


def sheet(rows: list[dict[str, str]]) -> pl.DataFrame:
    form = [{"file": "f", "row": n, "fault": "", "detail": ""} for n in range(1, len(rows) + 1)]
    return pl.DataFrame([{**f, **GOOD, **row} for f, row in zip(form, rows, strict=True)], schema=SHEET)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.lists(ROW, min_size=1, max_size=6), st.integers(0, 4))
def test_by_columns_and_one_by_one_agree(rows: list[dict[str, str]], repeats: int) -> None:
    # Columns that repeat themselves are worked on by value.
    again = [{**row, "product_id": f"r{n}"} for n, row in enumerate(rows * repeats)]
    given_rows = sheet(rows + again)
    products, faults, seen = [], {}, {}
    for raw in raw_rows(given_rows):
        found = parse_row(raw, "DE", ROOT)
        if isinstance(found, Fault):
            faults[raw.row] = (found.reason, found.detail)
        elif found["product_id"] in seen:
            faults[raw.row] = (
                "duplicate_product_id",
                f"is row {seen[found['product_id']]} of f; that one stays",
            )
        else:
            seen[found["product_id"]] = raw.row
            products.append(found)
    part = feed_slice(given_rows, "DE", ROOT)
    assert part.products.to_dicts() == FEED_PRODUCTS.frame(products).to_dicts()
    assert part.rejects["row"].to_list() == sorted(faults)
    for row in part.rejects.iter_rows(named=True):
        reason, detail = faults[row["row"]]
        assert row["reason"] == reason
        assert detail[:300] in row["detail"] or row["detail"].endswith("…")


@pytest.mark.parametrize("nothing", [{"description": "RM 5"}, {"description": "", "ingredients": " | "}])
def test_a_heading_with_a_price_or_separators_alone_is_a_heading(nothing: dict[str, str]) -> None:
    part = feed_slice(sheet([{"name": "Starters", **nothing}]), "DE", ROOT)
    assert part.rejects["reason"].to_list() == ["section_heading"]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.lists(
        st.one_of(TEXT, st.text(st.characters(exclude_categories=("Cs", "Cn")), max_size=20)), max_size=5
    )
)
def test_lines_are_made_as_one_by_one(cells: list[str]) -> None:
    assert one_lines(pl.Series("x", cells, dtype=pl.String)).to_list() == [one_line(cell) for cell in cells]


def test_every_code_point_is_treated_as_one_by_one() -> None:
    known = [c for c in map(chr, range(0x110000)) if unicodedata.category(c) not in ("Cs", "Cn")]
    cells = [f"a{c}b" for c in known]
    lines = one_lines(pl.Series("x", cells, dtype=pl.String)).to_list()
    wrong = [
        f"U+{ord(c):04X}" for c, cell, line in zip(known, cells, lines, strict=True) if line != one_line(cell)
    ]
    assert wrong == []


def test_every_pair_that_composes_is_composed() -> None:
    canonical = (unicodedata.decomposition(chr(code)) for code in range(0x110000))
    parts = [text.split() for text in canonical if text and not text.startswith("<")]
    pairs = ["".join(chr(int(part, 16)) for part in pair) for pair in parts]
    # Hangul composes by rule: a syllable of two parts and its third.
    pairs += ["\u1100\u1161", "\uac00\u11a8"]
    cells = [f"{text}{pair}" for pair in pairs for text in ("", "a", "粉")]
    assert one_lines(pl.Series("x", cells)).to_list() == [one_line(cell) for cell in cells]
