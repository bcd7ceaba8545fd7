"""Groups: one scene of several products, the lead's picture, every product in contract and rubric."""

import json
from typing import Any

import polars as pl

from plateful.prompts.groups import MAX_MEMBERS, companions, group_of, leads, record_of, subject_of
from plateful.prompts.writer import write_prompts
from plateful.tables import PRODUCTS
from tests.plateful.prompts.menu import line, product, requests, translated, written

LEAD = product(
    product_id="lead",
    name="Pizza Margherita",
    application="lifestyle-carousel",
    related_products=["side", "gone"],
)
SIDE = product(product_id="side", name="Greek salad", dietary=["vegetarian"], record_hash="s")


def group(*others: dict[str, Any], **change: Any) -> dict[str, Any]:
    return requests({**LEAD, **change}, SIDE, *others)[0]


def test_a_group_shows_each_product_once_up_to_the_limit() -> None:
    found = group_of("a", ["b", "a", "b", "x", *"cdef"], "abcdef")
    assert found.members == ("a", "b", "c", "d")
    assert len(found.members) == MAX_MEMBERS
    assert (found.unknown, found.left_out) == (("x",), ("e", "f"))
    assert group_of("a", [], "a").members == ("a",)
    assert group_of("a", [""], "a").unknown == ()


def test_a_groups_subject_and_record_are_stable_and_hold_every_member() -> None:
    assert subject_of(["a"]) == "a"
    assert subject_of(["a", "b"]) == subject_of(["a", "b"]) != subject_of(["a", "c"])
    records = {"a": "1", "b": "2"}
    assert record_of(["a"], records) == "1"
    assert record_of(["a", "b"], records) != record_of(["a", "b"], {**records, "b": "3"})
    assert record_of(["a", "gone"], records) is None


def test_one_scene_names_all_its_products() -> None:
    row = group()
    assert row["prompt"].startswith(
        "a pizza with tomato and mozzarella, beside a salad with feta and olives on a wooden board on a "
    )
    assert (row["product_ids"], row["subject"]) == (["lead", "side"], subject_of(["lead", "side"]))
    assert row["record_hash"] == record_of(["lead", "side"], {"lead": "r", "side": "s"})


def test_contract_and_rubric_cover_every_product_and_leave_them_to_a_person() -> None:
    row = group()
    for part in ("lines", "promises"):
        about = [entry for entry in row[part] if entry["kind"] == "must_show"]
        assert {entry["product"] for entry in about} == {"lead", "side"}
        assert not any(entry["provable"] for entry in about)
    assert {entry["subject"] for entry in row["lines"] if entry["claim"] == "shows_dish"} == {
        "pizza",
        "salad",
    }
    diet = line(row, "keeps_diet")
    assert (diet["product"], diet["subject"]) == ("side", "salad with chicken or prawn")
    assert diet["question"] == "Is the picture free of salad with chicken or prawn?"
    assert line(row, "no_text")["provable"]


def test_a_related_product_that_the_feed_lacks_is_named_in_the_contract() -> None:
    missing = line(group(), "shows_related_product", "promises")
    assert (missing["subject"], missing["field"], missing["product"]) == ("gone", "related_products", "lead")
    assert (missing["required"], missing["provable"]) == (True, False)


def test_a_product_without_related_ones_is_shown_alone() -> None:
    row = written(application="lifestyle-carousel", name="Pizza Margherita")
    assert (row["subject"], row["product_ids"]) == ("1", ["1"])
    assert row["prompt"].startswith("a pizza with tomato, mozzarella and basil on a wooden board")
    assert line(row, "shows_dish")["provable"]


def test_related_products_of_other_applications_form_no_group() -> None:
    assert requests({**LEAD, "application": "menu-item"}, SIDE)[0]["product_ids"] == ["lead"]


def test_a_group_is_composed_from_text_whatever_photo_its_lead_has() -> None:
    row = group(route="inpaint", photo_sha256="ab" * 32)
    assert (row["route"], row["photo_sha256"]) == ("text_to_image", None)
    assert "strength" not in row["asked"]


def test_a_companion_that_has_a_picture_is_shown_too_and_gets_no_request() -> None:
    lead = {**LEAD, "related_products": ["pictured"]}
    whole = translated(lead, product(product_id="pictured", name="Cheeseburger"))
    needing, having = whole.filter(pl.col("product_id") == "lead"), whole.tail(1)
    frame = write_prompts(needing, having)
    assert frame["product_ids"].to_list() == [["lead", "pictured"]]
    assert "beside a burger with beef and cheese" in frame["prompt"][0]


def test_companions_are_the_related_products_that_need_no_image() -> None:
    blank = dict.fromkeys(PRODUCTS.columns)
    names = ("lead", "side", "pictured", "idle")
    products = PRODUCTS.frame([{**blank, "product_id": name, "country": "GB"} for name in names])
    needing = translated({**LEAD, "related_products": ["side", "pictured", "gone"]}, SIDE)
    assert companions(needing, products)["product_id"].to_list() == ["pictured"]


def test_leads_are_told_by_subject() -> None:
    frame = write_prompts(translated(LEAD, SIDE))
    assert leads(frame) == {subject_of(["lead", "side"]): "lead", "side": "side"}


def test_a_banner_names_its_areas_what_is_said_in_them_and_what_must_stay_free() -> None:
    row = written(
        application="editorial-banner", name="Pizza Napoli 拿坡里", vendor_name="Da Pina", expected_text="NEW"
    )
    said = {name: area["text"] for name, area in row["areas"].items()}
    assert said == {"badge": "NEW", "headline": "Pizza Napoli 拿坡里", "tagline": "Da Pina", "dish": None}
    says = {e["subject"]: (e["claim"], e["field"]) for e in row["promises"] if e["kind"] == "may_say"}
    assert says == {
        "NEW": ("says", "expected_text"),
        "Pizza Napoli 拿坡里": ("says_in_layout", "name"),
        "Da Pina": ("says_in_layout", "vendor_name"),
    }
    free = [entry for entry in row["lines"] if entry["claim"] == "leaves_room"]
    assert [entry["subject"].split(" area")[0] for entry in free] == [
        "food in the badge", "food in the headline", "food in the tagline"
    ]  # fmt: skip
    assert all(entry["required"] and not entry["provable"] for entry in free)
    assert "拿" not in row["prompt"]


def test_an_area_without_text_promises_nothing() -> None:
    row = written(application="editorial-banner", vendor_name="")
    assert [e["subject"] for e in row["promises"] if e["kind"] == "may_say"] == ["Pizza"]
    assert len([entry for entry in row["lines"] if entry["claim"] == "leaves_room"]) == 1


def test_what_may_be_said_is_the_expected_text_or_nothing() -> None:
    said = line(written(expected_text="THE ANCHOR"), "says", "promises")
    assert (said["subject"], said["field"], said["provable"]) == ("THE ANCHOR", "expected_text", True)
    assert line(written(), "says_nothing", "promises")["kind"] == "may_say"
    assert json.loads(written()["rubric"])[-1]["kind"] != "may_say"
