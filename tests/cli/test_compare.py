"""`plateful compare` on versions that MLflow knows."""

from pathlib import Path

import polars as pl
import pytest

from plateful.environments import load_settings, open_adapters
from plateful.evaluation.scores import summarise
from plateful.tables import EVAL_SCORES
from tests.cli.conftest import Plateful

OLD, NEW, OTHER = "a1" * 32, "b2" * 32, "c3" * 32


@pytest.fixture
def versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three versions in MLflow; the last was looked at by another judge."""
    monkeypatch.setenv("PLATEFUL_HOME", str(tmp_path))
    tracking = open_adapters(load_settings()).tracking
    for digest, judge, good in ((OLD, "j1", 2), (NEW, "j1", 9), (OTHER, "j2", 9)):
        scores = _scores(good)
        tracking.log_model_version(
            "plateful-tiny",
            digest,
            scores,
            summarise(scores),
            images=[],
            labels=[],
            params={},
            card={},
            tags={"eval_set": "e", "scorer": "s", "judge": judge},
        )


def _scores(good: int) -> pl.DataFrame:
    return EVAL_SCORES.frame(
        [
            {
                "item_id": str(n),
                "stratum": "pizza",
                "candidate_id": str(n),
                "archetype_correct": n < good,
                "background_correct": True,
                "fidelity": 0.9 if n < good else 0.1,
                "quality": 0.5,
                "safe": True,
            }
            for n in range(10)
        ]
    )


@pytest.mark.usefixtures("versions")
def test_versions_are_compared_by_name_and_only_if_scored_alike(plateful: Plateful) -> None:
    old, new = f"plateful-tiny-{OLD[:12]}", f"plateful-tiny-{NEW[:12]}"
    rows = {row["metric"]: row for row in plateful("compare", old, new, "--json").json}
    assert (rows["archetype_accuracy"]["base"], rows["archetype_accuracy"]["candidate"]) == (0.2, 0.9)
    assert rows["fidelity"]["p_value"] < 0.05
    assert "archetype_accuracy" in plateful("compare", OLD[:8], NEW[:8]).out
    unlike = plateful("compare", old, OTHER[:8])
    assert unlike.status == 2 and "different judges: j1 and j2" in unlike.err
    unknown = plateful("compare", old, "plateful-tiny-123456789abc")
    assert unknown.status == 2 and "model version '123456789abc' is not in MLflow" in unknown.err
