"""Measuring points: what shards, gates, calls and publication count, and that nothing is counted twice."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest

from plateful.metrics.meter import METER, Samples
from plateful.rendering.shard import render_shard
from plateful.scoring.completion import _measured
from plateful.stores.lake import Lake
from plateful.tables import TABLES
from tests.plateful.models.providers.studio import studio
from tests.plateful.rendering.sample import COUNTRY, Clock, Ledger, Painter, make_task
from tests.plateful.rendering.test_hosted_renderer import shard as hosted_shard


@contextmanager
def counted() -> Iterator[dict[tuple[str, ...], float]]:
    """Give what the process's meter counted inside the block, by name and label values."""
    before: Samples = METER.samples()
    found: dict[tuple[str, ...], float] = {}
    yield found
    for (name, labels), value in METER.samples().items():
        risen = value - before.get((name, labels), 0.0)
        if risen and not name.endswith(("_bucket", "_sum")):
            found[name.removeprefix("plateful_"), *dict(labels).values()] = risen


def test_a_shard_counts_each_candidate_once(tmp_path: Path) -> None:
    lake, ledger = Lake(str(tmp_path)), Ledger()
    painter = Painter(cannot={"poison": 9})
    tasks = [make_task(painter.version, subject) for subject in ("soup", "rice", "pie", "poison")]

    def run() -> None:
        render_shard(
            tasks, renderer=painter, lake=lake, country=COUNTRY, score=lambda *_: None, clock=Clock(),
            run_id="run", on_progress=lambda *_: None, max_attempts=3, note_failure=ledger.note,
            note_success=ledger.forget,
        )  # fmt: skip

    with counted() as first:
        run()
    model = painter.version.model
    assert first["candidates_total", model, "rendered"] == 3
    assert first["candidates_total", model, "quarantined"] == 1
    assert first["rejections_total", "render", "not_finite"] == 1
    assert first["render_duration_seconds_count", model] == 4
    assert first["stage_duration_seconds_count", "store"] == 3
    with counted() as again:
        run()
    assert ("candidates_total", model, "rendered") not in again
    assert METER.samples()["plateful_tasks_pending", ()] == 0


def test_a_gate_counts_verdicts_and_named_failures() -> None:
    table = TABLES["quality_scores"]
    marks = {name: 1.0 for name, dtype in table.schema.items() if dtype == pl.Float64}
    verdicts = [[], ["blur", "margins"], ["blur"], ["not_scored: cv2.error: a name from a menu"]]
    rows = [
        {"candidate_id": str(n), **marks, "scorer_version": "v", "passed": not failures, "failures": failures}
        for n, failures in enumerate(verdicts)
    ]
    with counted() as found:
        assert _measured("quality_scores", 4, lambda: table.frame(rows)).height == 4
    assert found == {
        ("stage_duration_seconds_count", "score_quality"): 4,
        ("gate_verdicts_total", "quality", "passed"): 1,
        ("gate_verdicts_total", "quality", "failed"): 3,
        ("rejections_total", "quality", "blur"): 2,
        ("rejections_total", "quality", "margins"): 1,
        ("rejections_total", "quality", "other"): 1,
    }


def test_calls_to_a_provider_count_by_how_they_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faults = ("unavailable", "refuse")
    with studio("gpt-image", tmp_path, monkeypatch, *faults, concurrency=1) as one, counted() as found:
        hosted_shard(one, one.tasks("soup", "rice"))
        provider = one.renderer().version.entry.provider
    assert found["provider_calls_total", "ok", provider] == 1
    assert found["provider_calls_total", "content_refused", provider] == 1
    assert found["provider_retries_total", provider] == 1
    assert found["provider_call_duration_seconds_count", provider] == 2
