"""Review decisions: one row per request, people before policy, missing evidence is an objection."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from plateful.errors import ConfigError
from plateful.review.policy import DEFAULT_POLICY, decide, load_policy
from plateful.tables import TABLES
from tests.plateful.review.country import Country, candidate_key, clock


@pytest.fixture
def country() -> Country:
    made = Country()
    made.add("p1")
    return made


def only(frame: pl.DataFrame) -> dict[str, Any]:
    assert frame.height == 1
    return frame.row(0, named=True)


def test_the_policy_approves_the_best_that_meets_it(country: Country) -> None:
    found = only(country.decide())
    assert (found["status"], found["candidate_id"]) == ("approved", candidate_key("p1", 0))
    assert found["decided_by"] == f"policy:{load_policy().version}"
    assert found["decided_at"] == clock()
    assert found["record_hash"] == "h1"


def test_the_next_best_is_approved_when_the_best_does_not_meet_the_policy(country: Country) -> None:
    country.put("quality_scores", candidate_key("p1", 0), quality=0.4)
    country.put("judge_verdicts", candidate_key("p1", 0), fidelity=1.0)
    country.put("judge_verdicts", candidate_key("p1", 1), fidelity=0.6)
    assert only(country.decide())["candidate_id"] == candidate_key("p1", 1)


@pytest.mark.parametrize(
    ("table", "values", "reason"),
    [
        ("judge_verdicts", {"fidelity": 0.59}, "policy:fidelity"),
        ("quality_scores", {"quality": 0.1}, "policy:quality"),
        ("translated_products", {"coverage": 0.2}, "policy:translation_coverage"),
        ("translated_products", {"coverage": None}, "policy:translation_coverage_unknown"),
        ("translated_products", {"coverage": float("nan")}, "policy:translation_coverage"),
        ("prompts", {"application": "butcher-cuts"}, "policy:application:butcher-cuts"),
        ("prompts", {"application": "unheard-of"}, "policy:application:unheard-of"),
    ],
)
def test_what_the_policy_does_not_meet_waits(
    country: Country, table: str, values: dict[str, Any], reason: str
) -> None:
    for key in country.rows[table]:
        country.put(table, key, **values)
    found = only(country.decide())
    assert (found["status"], found["candidate_id"]) == ("pending_review", candidate_key("p1", 0))
    assert found["reasons"] == [reason]
    assert found["decided_at"] is None


def test_without_translations_no_name_counts_as_understood(country: Country) -> None:
    names = {"prompts": "prompts", "accepted": "accepted_candidates", "candidates": "generated_candidates",
             "judge": "judge_verdicts", "quality": "quality_scores"}  # fmt: skip
    frames = {name: country.frame(table) for name, table in names.items()}
    found = decide("SG", **frames, decisions=[], quarantined={}, policy=load_policy(), clock=clock)
    assert only(found)["reasons"] == ["policy:translation_coverage_unknown"]


def test_a_name_that_needed_no_translation_is_understood(country: Country) -> None:
    country.put("translated_products", "p1", translation="none", coverage=0.0)
    assert only(country.decide())["status"] == "approved"


def test_a_person_approves_what_the_policy_would_not(country: Country) -> None:
    country.put("prompts", "r-p1-h1", application="editorial-banner")
    said = country.say("p1", 1, "approved")
    found = only(country.decide())
    assert (found["status"], found["candidate_id"]) == ("approved", candidate_key("p1", 1))
    assert (found["decided_by"], found["decided_at"]) == ("ana", said.decided_at)
    assert found["reasons"] == ["person:because 1"]


def test_a_person_may_approve_what_ranked_beyond_the_limit(country: Country) -> None:
    country.per_request = 1
    country.say("p1", 1, "approved")
    assert only(country.decide())["candidate_id"] == candidate_key("p1", 1)


def test_a_persons_rejection_passes_on_to_the_next_accepted(country: Country) -> None:
    country.say("p1", 0, "rejected")
    assert only(country.decide())["candidate_id"] == candidate_key("p1", 1)
    country.say("p1", 1, "rejected", by="bo")
    found = only(country.decide())
    assert (found["status"], found["decided_by"], found["reasons"]) == (
        "rejected",
        "bo",
        ["person:because 2"],
    )


def test_the_last_word_on_a_candidate_counts(country: Country) -> None:
    country.say("p1", 0, "rejected")
    country.say("p1", 0, "approved")
    assert only(country.decide())["decided_by"] == "ana"
    country.say("p1", 0, "rejected")
    country.decisions.reverse()
    assert only(country.decide())["candidate_id"] == candidate_key("p1", 1)


def test_of_two_approved_candidates_the_later_approval_counts(country: Country) -> None:
    country.say("p1", 1, "approved")
    country.say("p1", 0, "approved")
    assert only(country.decide())["candidate_id"] == candidate_key("p1", 0)


def test_a_persons_approval_does_not_open_a_failed_gate(country: Country) -> None:
    country.say("p1", 0, "approved")
    country.put("safety_scores", candidate_key("p1", 0), passed=False, failures=["people"])
    found = only(country.decide())
    assert found["candidate_id"] == candidate_key("p1", 1)
    assert found["decided_by"].startswith("policy:")


def test_decisions_on_an_older_record_do_not_count(country: Country) -> None:
    country.say("p1", 0, "rejected", record="h0")
    assert only(country.decide())["candidate_id"] == candidate_key("p1", 0)


def test_gates_reject_with_their_commonest_reasons_first(country: Country) -> None:
    country.put("safety_scores", candidate_key("p1", 0), passed=False, failures=["people", "text"])
    country.put("safety_scores", candidate_key("p1", 1), passed=False, failures=["text"])
    found = only(country.decide())
    assert (found["status"], found["decided_by"], found["candidate_id"]) == ("rejected", "gates", None)
    assert found["reasons"] == ["safety:text", "safety:people"]


def test_a_request_of_quarantined_candidates_is_quarantined(country: Country) -> None:
    for attempt in (0, 1):
        key = candidate_key("p1", attempt)
        country.put("generated_candidates", key, status="quarantined", reason="nan_pixels")
    assert only(country.decide())["reasons"] == ["render:nan_pixels"]
    country.quarantined = {"r-p1-h1": "render: NaN in the latents"}
    found = only(country.decide())
    assert (found["status"], found["reasons"]) == ("quarantined", ["render: NaN in the latents"])


def test_one_poison_candidate_does_not_quarantine_its_request(country: Country) -> None:
    country.put("generated_candidates", candidate_key("p1", 0), status="quarantined", reason="nan_pixels")
    country.quarantined = {"r-p1-h1": "render: x"}
    assert only(country.decide())["status"] == "approved"


def test_a_request_without_candidates_is_quarantined_and_says_so() -> None:
    country = Country()
    country.add("p1", candidates=0)
    found = only(country.decide())
    assert (found["status"], found["reasons"]) == ("quarantined", ["render:no_candidates"])


def test_every_request_gets_exactly_one_row_in_order() -> None:
    country = Country()
    for number in range(5):
        country.add(f"p{number}", candidates=number % 3)
    country.say("p1", 0, "rejected")
    rows = country.decide()
    assert rows["subject"].to_list() == [f"p{n}" for n in range(5)]
    assert rows["status"].to_list() == ["quarantined", "rejected", "approved", "quarantined", "approved"]


def test_another_countrys_decisions_are_ignored(country: Country) -> None:
    country.code = "DE"
    country.say("p1", 0, "rejected")
    country.code = "SG"
    assert only(country.decide())["candidate_id"] == candidate_key("p1", 0)


def policy_text(**changes: Any) -> str:
    return yaml.safe_dump({**yaml.safe_load(DEFAULT_POLICY.read_text(encoding="utf-8")), **changes})


def test_the_version_follows_the_values_and_not_the_reasons(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(policy_text(min_quality={"value": 0.5, "why": "another reason"}), encoding="utf-8")
    assert load_policy(path).version == load_policy().version
    path.write_text(policy_text(min_quality={"value": 0.51, "why": "x"}), encoding="utf-8")
    assert load_policy(path).version != load_policy().version


@pytest.mark.parametrize(
    "changes",
    [
        {"min_quality": {"value": 2, "why": "x"}},
        {"min_quality": {"value": 0.5}},
        {"min_quality": {"value": 0.5, "why": ""}},
        {"min_beauty": {"value": 0.5, "why": "x"}},
        {"applications": {"menu-item": True}},
    ],
)
def test_a_wrong_policy_file_is_one_clear_error(tmp_path: Path, changes: dict[str, Any]) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(policy_text(**changes), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"policy\.yaml"):
        load_policy(path)
    with pytest.raises(ConfigError, match="none"):
        load_policy(tmp_path / "none.yaml")


def test_an_earlier_approval_does_not_outlive_the_wish_for_new_candidates(country: Country) -> None:
    country.say("p1", 0, "approved")
    country.generations["p1"] = 1
    assert only(country.decide())["decided_by"] == "ana", "there is no new candidate yet"
    new = country.add_candidate("p1", 2, "r-p1-h1")
    found = only(country.decide())
    assert (found["status"], found["candidate_id"]) == ("approved", new)
    country.put("safety_scores", new, passed=False, failures=["text"])
    assert only(country.decide())["status"] == "rejected"


def test_a_request_without_candidates_that_waits_for_money_waits(country: Country) -> None:
    country.add("p2", candidates=0)
    request = {"request_id": "r-p2-h1", "subject": "p2", "team": "fish", "detail": "spent"}
    older = {**request, "request_id": "r-p1-h1", "subject": "p1"}
    found = country.decide(deferred=TABLES["deferred_requests"].frame([request, older]))
    rows = {row["subject"]: row for row in found.iter_rows(named=True)}
    waiting = rows["p2"]
    assert (waiting["status"], waiting["decided_by"], waiting["candidate_id"], waiting["decided_at"]) == (
        "pending_review", "budget:fish", None, None,
    )  # fmt: skip
    assert waiting["reasons"] == ["budget:deferred"]
    assert rows["p1"]["status"] == "approved", "what it has is decided on"


def test_a_line_that_no_judge_can_answer_asks_for_a_person_only_where_it_decides() -> None:
    line = {"claim": "shows_count", "required": True, "provable": False}
    country = Country()
    country.add("p1")
    country.put("prompts", "r-p1-h1", contract=json.dumps([line, line]))
    waiting = country.decide().row(0, named=True)
    assert (waiting["status"], waiting["reasons"]) == ("pending_review", ["policy:shows_count"])
    country.put("prompts", "r-p1-h1", contract=json.dumps([{**line, "required": False}]))
    assert country.decide()["status"].to_list() == ["approved"]


def test_a_request_without_a_prompt_is_quarantined_by_name() -> None:
    country = Country()
    country.add("p1", candidates=0)
    country.put("prompts", "r-p1-h1", prompt=None, refused="banned_word")
    row = country.decide().row(0, named=True)
    assert (row["status"], row["reasons"], row["candidate_id"]) == (
        "quarantined",
        ["prompt:banned_word"],
        None,
    )
