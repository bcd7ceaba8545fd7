"""Acceptance: every gate counts, a missing score fails, ranking is stable."""

import math
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plateful.acceptance import accept
from plateful.errors import ContractError
from tests.plateful.stores.rows import frame

Tables = dict[str, pl.DataFrame]


def tables(*names: str, request: str = "r1") -> Tables:
    """Candidates that pass everything, with scores 0.5."""
    good: dict[str, Any] = {"passed": True, "failures": []}
    keys = [{"candidate_id": name} for name in names]
    return {
        "candidates": frame(
            "generated_candidates",
            *({**key, "request_id": request, "status": "ok", "attempt": n} for n, key in enumerate(keys)),
        ),
        "safety": frame("safety_scores", *({**key, **good} for key in keys)),
        "quality": frame("quality_scores", *({**key, **good} for key in keys)),
        "judge": frame("judge_verdicts", *({**key, **good} for key in keys)),
    }


def changed(found: Tables, table: str, candidate: str, **values: object) -> Tables:
    """The same tables with one row changed."""
    rows = [r | values if r["candidate_id"] == candidate else r for r in found[table].to_dicts()]
    return {**found, table: pl.DataFrame(rows, schema=found[table].schema)}


def reasons(found: Tables, per_request: int = 1) -> dict[str, list[str]]:
    """Candidate -> reasons."""
    return dict(
        accept(**found, per_request=per_request, first_attempts={})
        .select("candidate_id", "reasons")
        .iter_rows()
    )


def test_the_best_score_is_accepted_and_the_next_is_beyond_the_limit() -> None:
    found = changed(tables("a", "b"), "judge", "b", fidelity=0.9)
    rows = (
        accept(**found, per_request=1, first_attempts={})
        .select("candidate_id", "accepted", "rank", "score", "reasons")
        .rows()
    )
    assert rows == [("a", False, None, 0.5, ["rank:beyond_limit"]), ("b", True, 1, 0.7, [])]
    assert accept(**found, per_request=2, first_attempts={})["rank"].to_list() == [2, 1]


def test_a_repainted_photo_that_passed_goes_before_its_reserve_from_text() -> None:
    found = changed(tables("a", "b"), "judge", "b", fidelity=0.9)
    found = changed(found, "candidates", "a", route="inpaint")
    found = changed(found, "candidates", "b", route="text_to_image")
    assert reasons(found) == {"a": [], "b": ["rank:beyond_limit"]}
    refused = changed(found, "quality", "a", passed=False, failures=["blur"])
    assert reasons(refused) == {"a": ["quality:blur"], "b": []}


def test_equal_scores_go_to_the_earlier_attempt() -> None:
    found = changed(tables("b", "a"), "candidates", "b", attempt=0)
    assert reasons(found) == {"b": [], "a": ["rank:beyond_limit"]}


@pytest.mark.parametrize(
    ("table", "missing"),
    [
        ("safety", "missing_safety_score"),
        ("quality", "missing_quality_score"),
        ("judge", "missing_judge_verdict"),
    ],
)
def test_a_missing_row_is_a_failure(table: str, missing: str) -> None:
    found = tables("a", "b")
    found[table] = found[table].filter(pl.col("candidate_id") != "a")
    assert reasons(found, 2) == {"a": [missing], "b": []}


@pytest.mark.parametrize(("table", "column"), [("quality", "quality"), ("judge", "fidelity")])
@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_a_number_that_is_none_is_a_missing_score(table: str, column: str, value: float | None) -> None:
    assert "missing" in reasons(changed(tables("a"), table, "a", **{column: value}))["a"][0]


@pytest.mark.parametrize(
    ("table", "gate"), [("safety", "safety"), ("quality", "quality"), ("judge", "fidelity")]
)
def test_failures_carry_their_gate(table: str, gate: str) -> None:
    found = changed(tables("a"), table, "a", passed=False, failures=["text", "blur"])
    assert reasons(found)["a"] == [f"{gate}:text", f"{gate}:blur"]
    assert reasons(changed(tables("a"), table, "a", passed=False))["a"] == [f"{gate}:failed"]
    assert reasons(changed(tables("a"), table, "a", passed=None))["a"] == [f"{gate}:failed"]
    assert reasons(changed(tables("a"), table, "a", failures=["x"]))["a"] == [f"{gate}:x"]


def test_all_gates_are_named_at_once() -> None:
    found = changed(tables("a"), "safety", "a", passed=False, failures=["people"])
    found = changed(found, "quality", "a", passed=False, failures=["blur"])
    assert reasons(found)["a"] == ["safety:people", "quality:blur"]


def test_a_quarantined_candidate_says_why_and_nothing_else() -> None:
    found = changed(tables("a"), "candidates", "a", status="quarantined", reason="nan_pixels")
    found["safety"] = found["safety"].clear()
    assert reasons(found)["a"] == ["render:nan_pixels"]


def test_requests_rank_apart() -> None:
    one, two = tables("a", "b"), tables("c", request="r2")
    both = {name: pl.concat([one[name], two[name]]) for name in one}
    assert [name for name, why in reasons(both).items() if not why] == ["a", "c"]


def test_nothing_in_nothing_out() -> None:
    assert accept(**tables(), per_request=1, first_attempts={}).is_empty()


def test_two_rows_for_one_candidate_are_an_error() -> None:
    found = tables("a")
    found["quality"] = pl.concat([found["quality"]] * 2)
    with pytest.raises(ContractError, match="quality_scores: candidate_id 'a' has several rows"):
        accept(**found, per_request=1, first_attempts={})


verdicts = st.lists(
    st.tuples(st.sampled_from("xyz"), st.booleans(), st.booleans(), st.floats(0, 1)), max_size=8
)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(verdicts, st.integers(1, 3))
def test_accepted_passed_every_gate_and_at_most_n_of_a_request(
    drawn: list[tuple[str, bool, bool, float]], limit: int
) -> None:
    parts = [tables(f"c{n}", request=request) for n, (request, *_) in enumerate(drawn)] or [tables()]
    found = {name: pl.concat([part[name] for part in parts]) for name in parts[0]}
    for n, (_, safe, judged, fidelity) in enumerate(drawn):
        found = changed(found, "safety", f"c{n}", passed=safe, failures=[] if safe else ["text"])
        found = changed(found, "judge", f"c{n}", fidelity=fidelity)
        if not judged:
            found["judge"] = found["judge"].filter(pl.col("candidate_id") != f"c{n}")
    rows = accept(**found, per_request=limit, first_attempts={})
    assert rows["candidate_id"].to_list() == [f"c{n}" for n in range(len(drawn))]
    for row, (request, safe, judged, _) in zip(rows.iter_rows(named=True), drawn, strict=True):
        assert row["accepted"] == (not row["reasons"]) == (row["rank"] is not None)
        assert row["request_id"] == request
        assert not row["accepted"] or (safe and judged)
    for request in "xyz":
        ranks = rows.filter(pl.col("accepted"), request_id=request).sort("rank")
        assert ranks["rank"].to_list() == list(range(1, ranks.height + 1))
        assert ranks.height == min(limit, sum(r == request and s and j for r, s, j, _ in drawn))
        assert ranks["score"].is_sorted(descending=True)


def test_earlier_generations_do_not_compete_once_the_newest_has_a_picture() -> None:
    found = changed(tables("old", "new"), "judge", "old", fidelity=0.9)
    outcome = accept(**found, per_request=1, first_attempts={"x": 1})
    assert outcome.select("accepted", "rank", "reasons").rows() == [
        (False, None, ["rank:earlier_generation"]),
        (True, 1, []),
    ]
    unrendered = changed(found, "candidates", "new", status="quarantined", reason="nan")
    for first_attempts, still in (({"x": 1}, unrendered), ({"x": 2}, found), ({"other": 1}, found)):
        outcome = accept(**still, per_request=1, first_attempts=first_attempts)
        assert outcome["accepted"].to_list() == [True, False]
