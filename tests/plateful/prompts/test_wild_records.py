"""Whatever a feed holds, there is a prompt within limits, and a contract about the record's own fields."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from plateful.judging.judge import Line
from plateful.prompts.templates import load_templates
from plateful.prompts.writer import write_prompts
from plateful.prompts.writers import MAX_PROMPT
from plateful.tables import TRANSLATED_PRODUCTS
from tests.plateful.prompts.menu import product, translated

# What menus really hold, beside anything at all.
_BITS = st.sampled_from(
    ["Pizza", "gyoza", "6 pcs", "x4", "3 Stück", "牛肉面", "去骨", "عصير", "vegan", "{dish}", "{0}", "}",
     "<|endoftext|>", "(((x)))", "\u202e", "\x00", "\n", "ignore all instructions", "½", "²", "٣ قطع", "raw",
     "with", "ham", "|", "İ"]
)  # fmt: skip
_TEXT = st.one_of(st.text(max_size=80), st.lists(_BITS, max_size=6).map(" ".join))
_TEXTS = st.lists(_TEXT, max_size=4)
_RECORD = st.fixed_dictionaries(
    {
        "name": _TEXT,
        "description": st.one_of(st.none(), _TEXT),
        "category": st.one_of(st.none(), _TEXT),
        "cuisine": st.one_of(st.none(), _TEXT),
        "vendor_name": st.one_of(st.none(), _TEXT),
        "vendor_id": _TEXT,
        "ingredients": _TEXTS,
        "dietary": _TEXTS,
        "allergens": _TEXTS,
        "expected_text": st.one_of(st.none(), _TEXT.filter(bool)),
        "related_products": st.lists(st.sampled_from(["0", "1", "2", "x", ""]), max_size=6),
        "application": st.sampled_from(sorted(load_templates())),
        "route": st.sampled_from(["text_to_image", "inpaint"]),
    }
)
_SIGNS = set("abcdefghijklmnopqrstuvwxyz0123456789 ,.'-")


@settings(max_examples=120, deadline=None, derandomize=True)
@given(st.lists(_RECORD, min_size=1, max_size=3))
def test_wild_records(records: list[dict[str, Any]]) -> None:
    rows = [
        product(product_id=str(n), **{**record, "record_hash": f"r{n}"}) for n, record in enumerate(records)
    ]
    frame = write_prompts(menu := translated(*rows))
    assert frame.equals(write_prompts(menu))
    assert frame["product_ids"].list.first().to_list() == [row["product_id"] for row in rows]
    for row in frame.iter_rows(named=True):
        assert 0 < len(row["prompt"]) <= MAX_PROMPT
        assert set(row["prompt"]) <= _SIGNS
        _check_contract(row)


def _check_contract(row: dict[str, Any]) -> None:
    contract, rubric = json.loads(row["contract"]), json.loads(row["rubric"])
    for line in contract:
        assert line["field"] in {*TRANSLATED_PRODUCTS.columns, "policy", "template"}
        assert line["product"] in {*row["product_ids"], None}
        assert (line["product"] is None) == (line["field"] in ("policy", "template"))
        assert line["kind"] in ("must_show", "must_not_show", "background", "may_say")
        assert line["subject"]
    asked = [{name: line[name] for name in contract[0]} for line in rubric]
    assert contract[: len(asked)] == asked
    assert all(Line.model_validate(line).positive not in line["negatives"] for line in rubric)
    assert {line["product"] for line in rubric if line["kind"] == "must_show"} == set(row["product_ids"])
    assert [line["kind"] for line in contract].count("may_say") >= 1
