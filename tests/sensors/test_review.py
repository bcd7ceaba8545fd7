"""The decision sensor: every new decision leads to one publishing run of its country."""

from datetime import UTC, datetime

import dagster as dg

from plateful.environments import Settings, open_ledger
from plateful.ledger import Decision
from resources.stores import LedgerResource
from sensors.review import review_decisions


def _decision(country: str, candidate: str) -> Decision:
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


def _tick(settings: Settings, cursor: str | None) -> dg.SensorResult:
    context = dg.build_sensor_context(
        resources={"ledger": LedgerResource(url=settings.ledger)}, cursor=cursor
    )
    result = review_decisions(context)
    assert isinstance(result, dg.SensorResult)
    return result


def test_decisions_request_one_run_per_country_and_once(settings: Settings) -> None:
    assert "no decision" in str(_tick(settings, None).skip_reason)
    ledger = open_ledger(settings.ledger)
    for country, candidate in (("SG", "a"), ("SG", "b"), ("DE", "c")):
        ledger.record_decision(_decision(country, candidate))
    asked = _tick(settings, None)
    assert [request.partition_key for request in asked.run_requests or []] == ["DE", "SG"]
    assert not _tick(settings, asked.cursor).run_requests
    ledger.record_decision(_decision("DE", "d"))
    assert [request.partition_key for request in _tick(settings, asked.cursor).run_requests or []] == ["DE"]
