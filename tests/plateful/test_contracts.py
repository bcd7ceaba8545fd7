"""What published_images promises: every approved image that was not refused is live, once."""

import polars as pl
import pytest

from plateful.contracts import ContractResult, validate
from tests.plateful.stores.rows import frame

Rows = list[dict[str, object]]


def published(live: Rows, decided: dict[str, str], refused: tuple[str, ...] = ()) -> ContractResult:
    """Validate these live images against decisions (product -> status) and refusals."""
    images = [{"image_id": f"i{n}", "status": "live", **image} for n, image in enumerate(live)]
    images.append({"image_id": "old", "product_id": "p1", "status": "retired"})
    products = [{"product_id": p, "image_status": "missing"} for p in decided]
    products += [
        {"product_id": "unsure", "image_status": "unchecked"},
        {"product_id": "shown", "image_status": "ok"},
    ]
    upstream = {
        "products": frame("products", *products),
        "prompts": frame("prompts", *({"subject": p, "product_ids": [p]} for p in decided)),
        "review_decisions": frame(
            "review_decisions", *({"subject": p, "status": status} for p, status in decided.items())
        ),
        "refused_images": frame("refused_images", *({"product_id": p} for p in refused)),
    }
    return validate("published_images", frame("published_images", *images), upstream)


P1, P2 = {"product_id": "p1"}, {"product_id": "p2"}


@pytest.mark.parametrize(
    ("live", "decided", "refused"),
    [
        ([P1, P2], {"p1": "approved", "p2": "approved"}, ()),
        ([P1, P2], {"p1": "approved", "p2": "pending_review"}, ()),
        ([P1], {"p1": "rejected", "p2": "pending_review"}, ()),
        ([P1], {"p1": "approved", "p2": "approved"}, ("p2",)),
        ([P1], {"p1": "approved"}, ("p1",)),
        ([P1, {"product_id": "unsure"}], {"p1": "approved"}, ()),
        ([], {}, ()),
    ],
)
def test_older_live_images_and_refusals_keep_the_contract(
    live: Rows, decided: dict[str, str], refused: tuple[str, ...]
) -> None:
    outcome = published(live, decided, refused)
    assert outcome.passed, outcome.failures


@pytest.mark.parametrize(
    ("live", "decided", "failure"),
    [
        ([P1], {"p1": "approved", "p2": "approved"}, "product_id that must be"),
        ([], {"p1": "approved"}, "product_id that must be"),
        ([P1, P1], {"p1": "approved"}, "unique"),
        ([P1, {"product_id": "shown"}], {"p1": "approved"}, "product_id is known"),
        ([P1, {"product_id": "gone"}], {"p1": "approved"}, "product_id is known"),
    ],
)
def test_an_approved_image_that_is_not_live_breaks_it_and_so_does_one_that_may_not_be(
    live: Rows, decided: dict[str, str], failure: str
) -> None:
    outcome = published(live, decided)
    assert not outcome.passed
    assert any(failure in text for text in outcome.failures), outcome.failures


def test_a_lost_table_breaks_it() -> None:
    decided = frame("review_decisions", {"subject": "p1", "status": "approved"})
    upstream = {
        "products": frame("products", {"product_id": "p1", "image_status": "missing"}),
        "prompts": frame("prompts", {"subject": "p1", "product_ids": ["p1"]}),
        "review_decisions": decided,
        "refused_images": frame("refused_images"),
    }
    assert not validate("published_images", pl.DataFrame(frame("published_images")), upstream).passed


@pytest.mark.parametrize(
    ("rendered", "deferred", "holds"),
    [
        (["a", "a", "b"], [], True),
        (["a"], ["b"], True),
        ([], ["a", "b"], True),
        # An older candidate of a request that waits for money for new ones.
        (["a", "b"], ["b"], True),
        (["a"], [], False),
        (["a"], ["gone"], False),
        (["a", "gone"], ["b"], False),
    ],
)
def test_every_request_has_candidates_or_waits_for_money(
    rendered: list[str], deferred: list[str], holds: bool
) -> None:
    candidates = [
        {"candidate_id": f"c{n}", "request_id": request, "status": "ok"} for n, request in enumerate(rendered)
    ]
    upstream = {
        "prompts": frame("prompts", *({"request_id": request} for request in ("a", "b"))),
        "deferred_requests": frame("deferred_requests", *({"request_id": each} for each in deferred)),
    }
    outcome = validate("generated_candidates", frame("generated_candidates", *candidates), upstream)
    assert outcome.passed == holds, outcome.failures


@pytest.mark.parametrize(("costs", "total", "holds"), [([7, 5], 12, True), ([7], 12, False), ([], 0, True)])
def test_the_cost_report_adds_up_to_the_ledger(costs: list[int], total: int, holds: bool) -> None:
    rows = [{"team": f"t{n}", "cost": cost, "renders": 1} for n, cost in enumerate(costs)]
    upstream = {"ledger": pl.DataFrame({"cost": [total], "renders": [2 if total else 0]})}
    assert validate("cost_report", frame("cost_report", *rows), upstream).passed == holds
