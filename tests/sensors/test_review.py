"""The decision sensor: a decision is carried out by one publishing run of its country."""

from datetime import UTC, datetime

import dagster as dg

from jobs.batches import decision_tags
from plateful.environments import Settings, open_ledger
from plateful.ledger import Decision
from resources.stores import LedgerResource
from sensors.attempts import MAX_FAILURES
from sensors.review import review_decisions
from tests.recorded_runs import Record


def decision(country: str, candidate: str) -> Decision:
    return Decision(
        country=country,
        request_id="r",
        subject="s",
        record_hash="h",
        candidate_id=candidate,
        decision="approved",
        decided_by="ana",
        reason="looks right",
        decided_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def _tick(instance: dg.DagsterInstance, settings: Settings) -> dg.SensorResult:
    book = LedgerResource(url=settings.ledger)
    result = review_decisions(dg.build_sensor_context(instance=instance, resources={"ledger": book}))
    assert isinstance(result, dg.SensorResult)
    return result


def _requests(instance: dg.DagsterInstance, settings: Settings) -> dict[str, dg.RunRequest]:
    return {r.partition_key or "": r for r in _tick(instance, settings).run_requests or []}


def _record(record: Record, request: dg.RunRequest, status: str) -> None:
    tags = {**request.tags, "dagster/partition": request.partition_key or ""}
    record("publish_country", status, tags)


def test_decisions_request_one_run_per_country_and_once(
    instance: dg.DagsterInstance, settings: Settings, record: Record
) -> None:
    assert "no decision" in str(_tick(instance, settings).skip_reason)
    ledger = open_ledger(settings.ledger)
    for country, candidate in (("SG", "a"), ("SG", "b"), ("DE", "c")):
        ledger.record_decision(decision(country, candidate))
    asked = _requests(instance, settings)
    assert list(asked) == ["DE", "SG"]
    _record(record, asked["DE"], "SUCCESS")
    _record(record, asked["SG"], "STARTED")
    assert not _requests(instance, settings)
    ledger.record_decision(decision("DE", "d"))
    assert list(_requests(instance, settings)) == ["DE"]


def test_a_decision_whose_run_failed_is_requested_again_until_it_is_hopeless(
    instance: dg.DagsterInstance, settings: Settings, record: Record
) -> None:
    ledger = open_ledger(settings.ledger)
    ledger.record_decision(decision("SG", "a"))
    keys = set()
    for _ in range(MAX_FAILURES):
        request = _requests(instance, settings)["SG"]
        keys.add(request.run_key)
        _record(record, request, "FAILURE")
    assert len(keys) == MAX_FAILURES
    assert f"failed {MAX_FAILURES} times" in str(_tick(instance, settings).skip_reason)
    ledger.record_decision(decision("SG", "b"))
    assert "SG" in _requests(instance, settings), "a new decision is new work"


def test_a_decision_waits_while_another_run_has_the_country(
    instance: dg.DagsterInstance, settings: Settings, record: Record
) -> None:
    open_ledger(settings.ledger).record_decision(decision("SG", "a"))
    record("render_country", "STARTED", {"dagster/partition": "SG"})
    assert "is working on it" in str(_tick(instance, settings).skip_reason)


def test_a_run_from_the_command_line_carries_out_what_was_decided_before(
    instance: dg.DagsterInstance, settings: Settings, record: Record
) -> None:
    ledger = open_ledger(settings.ledger)
    ledger.record_decision(decision("SG", "a"))
    record("publish_country", "SUCCESS", {"dagster/partition": "SG", **decision_tags(ledger, "SG")})
    assert "unchanged since run" in str(_tick(instance, settings).skip_reason)
