"""The exporter on a real ledger and lake: right gauges, bounded reading, failing sources."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import event

from plateful.budgets.policy import load_budgets
from plateful.errors import StoreError
from plateful.ledger import Charge, Ledger
from plateful.metrics import declared as d
from plateful.metrics.exporter import Exporter, Source
from plateful.metrics.exposition import read
from plateful.metrics.readings import LakeReadings, LedgerReadings, Reading, StepReadings
from plateful.stores import Lake
from plateful.tables import TABLES

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TTL = timedelta(seconds=60)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(tmp_path: Path, clock: Clock) -> Iterator[Ledger]:
    opened = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}", clock=clock)
    opened.migrate()
    yield opened
    opened.close()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def of_ledger(ledger: Ledger, clock: Clock, ended: set[str] = frozenset()) -> LedgerReadings:  # type: ignore[assignment]
    return LedgerReadings(ledger, load_budgets, "default", 60.0, 3, lambda run: run in ended, clock)


def shown(readings: object) -> dict[tuple[str, ...], float]:
    found = {}
    for metric, labels, value in readings:  # type: ignore[attr-defined]
        found[metric.name, *labels.values()] = value
    return found


def charge(number: int, cost: int, **changes: str) -> Charge:
    fixed = {"team": "fish", "country": "SG", "application": "menu-item", "model": "sdxl", "run_id": "r"}
    return Charge(candidate_id=f"{number:08x}", rendered_at=NOW, cost=cost, **{**fixed, **changes})


def test_leases_money_and_quarantine(ledger: Ledger, clock: Clock) -> None:
    lease = ledger.acquire_lease("SG", "alive", TTL)
    ledger.acquire_lease("DE", "over", TTL)
    ledger.budgets.reserve("k", "default", [3_000_000], limit=None, lease=lease, ttl=TTL)
    ledger.budgets.charge([charge(1, 500_000), charge(2, 250_000), charge(3, 9, model="flux")])
    for _ in range(3):
        ledger.note_failure("SG", "r1", "render", "not_finite")
    ledger.note_failure("SG", "r2", "render", "not_finite")
    clock.now += timedelta(seconds=200)
    found = shown(of_ledger(ledger, clock, {"over"})())
    assert found["plateful_lease_age_seconds", "SG"] == 200
    assert ("plateful_lease_age_seconds", "DE") not in found
    assert found["plateful_lease_expiry_timestamp_seconds", "SG"] == (NOW + TTL).timestamp()
    assert found["plateful_quarantined_requests", "SG"] == 1
    assert found["plateful_budget_reserved_dollars", "default"] == 3
    assert found["plateful_budget_spent_dollars", "fish"] == pytest.approx(0.750009)
    limit, left = (found[f"plateful_budget_{name}_dollars", "default"] for name in ("limit", "left"))
    assert left == limit - 3
    assert found["plateful_cost_today_dollars", "fish", "sdxl", "menu-item"] == 0.75
    assert found["plateful_renders_today", "fish", "sdxl", "menu-item"] == 2
    assert found["plateful_renders_today", "fish", "flux", "menu-item"] == 1
    clock.now += timedelta(days=1)
    tomorrow = shown(of_ledger(ledger, clock)())
    assert not [key for key in tomorrow if key[0] == "plateful_cost_today_dollars"]
    assert tomorrow["plateful_budget_spent_dollars", "default"] == 0


def test_a_large_day_is_read_by_its_index_with_few_statements(ledger: Ledger, clock: Clock) -> None:
    for start in range(0, 20_000, 5_000):
        ledger.budgets.charge([charge(n, 1) for n in range(start, start + 5_000)])
    statements: list[str] = []
    engine = ledger._database.engine
    event.listen(engine, "before_cursor_execute", lambda *each: statements.append(each[2]))
    readings = of_ledger(ledger, clock)
    assert shown(readings())["plateful_renders_today", "fish", "sdxl", "menu-item"] == 20_000
    asked = [text for text in statements if text.startswith("SELECT")]
    assert len(asked) <= 8
    (costs,) = [text for text in asked if "FROM charges" in text]
    with engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {costs}", ("fish", "2026-11-22"))
        assert "ix_charges_team" in " ".join(str(row) for row in plan)


def decisions(*statuses: str) -> pl.DataFrame:
    table = TABLES["review_decisions"]
    return _rows(table, [{"status": status, "request_id": str(n)} for n, status in enumerate(statuses)])


def _rows(table: object, rows: list[dict]) -> pl.DataFrame:
    names = table.columns  # type: ignore[attr-defined]
    return table.frame([{**dict.fromkeys(names), **row} for row in rows])  # type: ignore[attr-defined]


class ReadingLake(Lake):
    """A lake that tells which tables were read."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.read: list[str] = []

    def read_table(self, name: str, partition: str | None = None) -> pl.DataFrame:
        self.read.append(f"{name}/{partition}")
        return super().read_table(name, partition)


def test_queues_are_read_again_only_when_they_were_written_again(tmp_path: Path) -> None:
    lake = ReadingLake(str(tmp_path / "lake"))
    lake.write_table("review_decisions", decisions("pending_review", "approved", "pending_review"), "SG")
    lake.write_table("review_decisions", decisions("approved"), "DE")
    lake.write_table("deferred_requests", TABLES["deferred_requests"].empty(), "SG")
    published = [{"status": status, "image_id": status} for status in ("live", "retired")]
    lake.write_table("published_images", _rows(TABLES["published_images"], published), "SG")
    readings = LakeReadings(lake)
    found = shown(readings())
    assert found == {
        ("plateful_review_queue_requests", "SG"): 2,
        ("plateful_review_queue_requests", "DE"): 0,
        ("plateful_deferred_requests", "SG"): 0,
        ("plateful_images", "SG", "live"): 1,
        ("plateful_images", "SG", "retired"): 1,
    }
    assert len(lake.read) == 4
    assert shown(readings()) == found
    assert len(lake.read) == 4
    lake.write_table("review_decisions", decisions("pending_review"), "DE")
    assert shown(readings())["plateful_review_queue_requests", "DE"] == 1
    assert lake.read[4:] == ["review_decisions/DE"]


def test_an_empty_lake_has_no_queues(lake: Lake, ledger: Ledger) -> None:
    assert shown(LakeReadings(lake)()) == {}
    assert shown(StepReadings(lake, ledger)()) == {}


def test_shards_left_are_those_planned_and_not_finished(lake: Lake, ledger: Ledger, clock: Clock) -> None:
    ledger.acquire_lease("SG", "run-1", TTL)
    asset = "steps/run-1/generated_candidates"
    for number in range(5):
        lake.put_object(f"{asset}.plan_shards/result/shard_{number:04d}", b"{}")
    lake.put_object(f"{asset}.render_shard_shard_0000/result", b"{}")
    assert shown(StepReadings(lake, ledger)()) == {("plateful_shards_left", "SG"): 4}
    clock.now += timedelta(minutes=5)
    assert shown(StepReadings(lake, ledger)()) == {}


def test_scrapes_share_a_reading_and_a_failing_source_shows_nothing_old() -> None:
    seconds, taken, warnings = [0.0], [0], []

    def ledger() -> list[Reading]:
        taken[0] += 1
        if taken[0] == 2:
            raise StoreError("ledger is locked", fix="wait")
        return [(d.REVIEW_QUEUE, {"country": "SG"}, 4.0)]

    sources = {
        "ledger": Source(ledger, 10),
        "lake": Source(lambda: [(d.DEFERRED, {"country": "DE"}, 1.0)], 60),
    }
    exporter = Exporter(
        sources, warnings.append, monotonic=lambda: seconds[0], now=lambda: 1_000.0 + seconds[0]
    )
    for _ in range(3):
        found = read(exporter.text(), "exporter")
    assert taken == [1]
    assert found["plateful_review_queue_requests", (("country", "SG"),)] == 4
    seconds[0] = 11
    found = read(exporter.text(), "exporter")
    assert ("plateful_review_queue_requests", (("country", "SG"),)) not in found
    assert found["plateful_deferred_requests", (("country", "DE"),)] == 1
    assert found["plateful_exporter_errors_total", (("source", "ledger"),)] == 1
    assert found["plateful_exporter_refresh_timestamp_seconds", (("source", "ledger"),)] == 1_000
    assert warnings == ["metrics of the ledger cannot be read: ledger is locked -> wait"]
    seconds[0] = 22
    assert ("plateful_review_queue_requests", (("country", "SG"),)) in read(exporter.text(), "exporter")


def test_what_has_no_label_of_its_own_adds_up_but_the_worst_lease_counts() -> None:
    readings: list[Reading] = [
        (d.LEASE_AGE, {"country": "refresh_costs"}, 3.0),
        (d.LEASE_AGE, {"country": "sdxl@1"}, 90.0),
        (d.LEASE_EXPIRY, {"country": "refresh_costs"}, 500.0),
        (d.LEASE_EXPIRY, {"country": "sdxl@1"}, 400.0),
        *((d.BUDGET_SPENT, {"team": f"team-{n}"}, 1.0) for n in range(100)),
    ]
    found = read(Exporter({"ledger": Source(lambda: readings, 1)}, print).text(), "exporter")
    assert found["plateful_lease_age_seconds", (("country", "other"),)] == 90
    assert found["plateful_lease_expiry_timestamp_seconds", (("country", "other"),)] == 400
    assert found["plateful_budget_spent_dollars", (("team", "other"),)] == 36
