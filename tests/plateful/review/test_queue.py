"""The review queue on a real lake and ledger."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from plateful.errors import StoreError
from plateful.ledger import Ledger
from plateful.review import queue
from plateful.stores import Lake
from tests.plateful.review.country import Country, candidate_key, clock

KEY = candidate_key("p1", 0)


@pytest.fixture
def country() -> Country:
    made = Country()
    for subject in ("p1", "p2", "p3"):
        made.add(subject)
    made.put("prompts", "r-p1-h1", application="editorial-banner")
    made.put("prompts", "r-p2-h1", application="editorial-banner")
    made.put("judge_verdicts", candidate_key("p2", 0), fidelity=0.99)
    return made


@pytest.fixture
def lake(tmp_path: Path, country: Country) -> Lake:
    made = Lake(str(tmp_path / "lake"))
    country.write(made)
    return made


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(f"sqlite:///{tmp_path}/ledger.db", clock)
    made.migrate()
    yield made
    made.close()


def test_what_waits_is_listed_best_first(lake: Lake, ledger: Ledger) -> None:
    waiting = queue.pending("SG", lake, ledger)
    assert [item.subject for item in waiting] == ["p2", "p1"]
    assert waiting[1].candidate_id == KEY
    assert waiting[1].name == "Dish p1"
    assert waiting[1].reasons == ("policy:application:editorial-banner",)
    assert waiting[1].fidelity == 0.9


def test_what_was_decided_leaves_the_list_at_once(lake: Lake, ledger: Ledger) -> None:
    queue.approve(KEY, "SG", lake, ledger, by="ana", reason="good", clock=clock)
    assert [item.subject for item in queue.pending("SG", lake, ledger)] == ["p2"]


def test_a_decision_lands_in_the_ledger_and_decides(lake: Lake, ledger: Ledger, country: Country) -> None:
    made = queue.reject(KEY, "SG", lake, ledger, by="ana", reason="wrong bowl", clock=clock)
    country.decisions = ledger.decisions("SG")
    assert country.decisions[0].candidate_id == made.candidate_id == KEY
    assert country.decisions[0].record_hash == "h1"
    assert country.decide().row(0, named=True)["candidate_id"] == candidate_key("p1", 1)


def test_one_candidate_is_shown_in_full_by_the_start_of_its_id(lake: Lake, ledger: Ledger) -> None:
    queue.approve(KEY, "SG", lake, ledger, by="ana", reason="good", clock=clock)
    shown = queue.show(KEY[:12], None, lake, ledger)
    assert (shown.candidate_id, shown.country) == (KEY, "SG")
    assert [(d.decision, d.decided_by, d.reason) for d in shown.decisions] == [("approved", "ana", "good")]
    assert shown.judge is not None
    assert shown.judge["fidelity"] == 0.9


def test_a_candidate_without_scores_can_be_shown(lake: Lake, ledger: Ledger, country: Country) -> None:
    lake.write_table("safety_scores", country.frame("safety_scores").clear(), "SG")
    (lake.root / "tables" / "quality_scores" / "country=SG" / "part.parquet").unlink()
    shown = queue.show(KEY, "SG", lake, ledger)
    assert shown.safety is shown.quality is None


def test_unknown_and_ambiguous_ids_are_refused(lake: Lake, ledger: Ledger, country: Country) -> None:
    with pytest.raises(StoreError, match="is not in SG"):
        queue.show("0" * 64, "SG", lake, ledger)
    with pytest.raises(StoreError, match="is not in any country"):
        queue.approve("0" * 64, None, lake, ledger, by="ana", reason="x", clock=clock)
    with pytest.raises(StoreError, match="too short"):
        queue.show("00", "SG", lake, ledger)
    lake.write_table("accepted_candidates", country.frame("accepted_candidates"), "DE")
    with pytest.raises(StoreError, match="is in DE, SG"):
        queue.show(KEY, None, lake, ledger)


@pytest.mark.parametrize("act", [queue.approve, queue.reject])
def test_what_failed_a_gate_cannot_be_decided(lake: Lake, ledger: Ledger, country: Country, act) -> None:  # noqa: ANN001
    country.put("safety_scores", KEY, passed=False, failures=["people"])
    country.write(lake)
    with pytest.raises(StoreError, match="failed safety:people and cannot be"):
        act(KEY, "SG", lake, ledger, by="ana", reason="x", clock=clock)
    assert ledger.decisions("SG") == []


def test_what_is_decided_is_only_revised_on_purpose(lake: Lake, ledger: Ledger) -> None:
    queue.approve(KEY, "SG", lake, ledger, by="ana", reason="good", clock=clock)
    with pytest.raises(StoreError, match="already approved by ana"):
        queue.approve(KEY, "SG", lake, ledger, by="bo", reason="good", clock=clock, revise=True)
    with pytest.raises(StoreError, match=r"already approved by ana .*--revise"):
        queue.reject(KEY, "SG", lake, ledger, by="bo", reason="spoon", clock=clock)
    queue.reject(KEY, "SG", lake, ledger, by="bo", reason="spoon", clock=clock, revise=True)
    assert [said.decision for said in ledger.decisions("SG")] == ["approved", "rejected"]


def test_a_rejection_needs_a_reason(lake: Lake, ledger: Ledger) -> None:
    with pytest.raises(StoreError, match="needs a reason"):
        queue.reject(KEY, "SG", lake, ledger, by="ana", reason=" ", clock=clock)


def test_a_candidate_of_a_request_that_is_gone_says_so(lake: Lake, ledger: Ledger, country: Country) -> None:
    lake.write_table("prompts", country.frame("prompts").clear(), "SG")
    with pytest.raises(StoreError, match="no longer in SG"):
        queue.approve(KEY, "SG", lake, ledger, by="ana", reason="x", clock=clock)


def test_a_picture_of_an_earlier_generation_can_only_be_taken_off(
    lake: Lake, ledger: Ledger, country: Country
) -> None:
    country.generations["p1"] = 1
    country.add_candidate("p1", 2, "r-p1-h1")
    country.write(lake)
    with pytest.raises(StoreError, match="failed rank:earlier_generation and cannot be approved"):
        queue.approve(KEY, "SG", lake, ledger, by="ana", reason="x", clock=clock)
    queue.reject(KEY, "SG", lake, ledger, by="ana", reason="too dark", clock=clock)
    assert [said.decision for said in ledger.decisions("SG")] == ["rejected"]
