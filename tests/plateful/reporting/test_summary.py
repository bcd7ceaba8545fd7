"""Counts that add up, and the error when they do not."""

import dataclasses

import polars as pl
import pytest

from plateful.errors import ContractError
from plateful.reporting.summary import (
    CountrySummary,
    assert_equations,
    summarise_country,
    summary_json,
    total,
)
from tests.plateful.reporting.pictures import Pictures
from tests.plateful.reporting.sample import everything, fill

GOOD = CountrySummary(
    "SG",
    rows_in=10,
    rows_rejected=2,
    products=8,
    without_images=6,
    published=3,
    pending_review=1,
    rejected=1,
    quarantined=1,
    candidates=12,
    rendered_now=4,
    accepted=5,
    seconds={"prompts": 1.0},
)


def test_countries_are_counted_by_outcome() -> None:
    summary, _ = everything(Pictures())
    assert list(summary["countries"]) == ["AE", "CN", "DE", "TH"]
    cn = summary["countries"]["CN"]
    names = (
        "rows_in",
        "rows_rejected",
        "products",
        "without_images",
        "published",
        "pending_review",
        "rejected",
        "quarantined",
    )
    assert [cn[name] for name in names] == [13, 3, 10, 6, 3, 1, 1, 1]
    assert summary["total"]["without_images"] == 17
    assert set(cn) == {*names, "deferred", "candidates", "rendered_now", "accepted", "seconds"}


def test_total_adds_counts_and_stages() -> None:
    other = dataclasses.replace(GOOD, country="DE", seconds={"prompts": 0.5, "review": 2.0})
    both = total([GOOD, other])
    assert (both.country, both.rows_in, both.seconds) == ("total", 20, {"prompts": 1.5, "review": 2.0})
    assert total([]).rows_in == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows_in": 11}, r"SG: rows_in 11 != rows_rejected 2 \+ products 8"),
        ({"published": 2}, r"SG: without_images 6 != published 2 .* = 5"),
    ],
)
def test_broken_equation_names_country_and_both_sides(change: dict, message: str) -> None:
    with pytest.raises(ContractError, match=message):
        assert_equations(dataclasses.replace(GOOD, **change))


def counted(
    decisions: list[dict], published: list[dict], refused: list[dict] | None = None
) -> CountrySummary:
    products = pl.DataFrame({"product_id": [d["subject"] for d in decisions]}).unique()
    return summarise_country(
        "SG",
        products.height,
        fill("rejects", []),
        products,
        products,
        fill("review_decisions", decisions),
        fill("generated_candidates", []),
        fill("accepted_candidates", []),
        prompts=fill(
            "prompts", [{"subject": d["subject"], "product_ids": [d["subject"]]} for d in decisions]
        ),
        published=fill("published_images", published),
        refused=fill("refused_images", refused or []),
        rendered_now=0,
        seconds={},
    )


def test_an_approved_product_counts_only_with_a_live_image() -> None:
    approved = [{"request_id": "r", "subject": "p", "candidate_id": "c", "status": "approved"}]
    image = {"image_id": "i", "product_id": "p", "candidate_id": "c", "status": "live"}
    assert counted(approved, [image]).published == 1
    for published in ([], [{**image, "status": "retired"}]):
        with pytest.raises(ContractError, match="without_images 1 != published 0"):
            counted(approved, published)


@pytest.mark.parametrize("status", ["approved", "pending_review", "rejected"])
def test_a_product_with_a_live_image_is_published_whatever_its_newest_candidate_waits_for(
    status: str,
) -> None:
    decision = {"request_id": "r", "subject": "p", "candidate_id": "new", "status": status}
    image = {"image_id": "i", "product_id": "p", "candidate_id": "old", "status": "live"}
    summary = counted([decision], [image])
    assert (summary.published, summary.pending_review, summary.rejected) == (1, 0, 0)


def test_a_refused_approval_counts_as_rejected() -> None:
    approved = [{"request_id": "r", "subject": "p", "candidate_id": "c", "status": "approved"}]
    summary = counted(approved, [], [{"product_id": "p", "candidate_id": "c"}])
    assert (summary.published, summary.rejected) == (0, 1)


def test_two_decisions_on_one_subject_are_refused() -> None:
    twice = [{"request_id": r, "subject": "p", "status": "rejected"} for r in "ab"]
    with pytest.raises(ContractError, match=r"subjects \['p'\] have more than one"):
        counted(twice, [])


def test_rows_of_the_whole_feed_must_be_found_again() -> None:
    facts = {"model": "m", "model_version": "v", "rows_without_country": 2}
    assert summary_json([GOOD], feed_rows_in=12, whole_feed=True, **facts)["feed"]["rows_in"] == 12
    assert summary_json([GOOD], feed_rows_in=99, **facts)["total"]["rows_in"] == 10
    with pytest.raises(ContractError, match="feed: rows_in 99"):
        summary_json([GOOD], feed_rows_in=99, whole_feed=True, **facts)


def test_a_request_that_waits_for_money_is_pending_and_counted_apart() -> None:
    products = [{"product_id": name, "image_status": "missing"} for name in ("paid", "unpaid", "shown")]
    why = {"paid": [], "unpaid": ["budget:deferred"], "shown": ["budget:deferred"]}
    decisions = [
        {"request_id": name, "subject": name, "status": "pending_review", "reasons": reasons}
        for name, reasons in why.items()
    ]
    summary = summarise_country(
        "SG",
        3,
        fill("rejects", []),
        fill("products", products),
        fill("products_without_images", products),
        fill("review_decisions", decisions),
        fill("generated_candidates", []),
        fill("accepted_candidates", []),
        prompts=fill("prompts", [{"subject": name, "product_ids": [name]} for name in why]),
        published=fill("published_images", [{"product_id": "shown", "status": "live"}]),
        refused=fill("refused_images", []),
        rendered_now=0,
        seconds={},
    )
    assert (summary.published, summary.pending_review, summary.deferred) == (1, 2, 1)
