"""Completing scores: what is there is read, what is missing is computed, one bad picture costs no other."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import polars as pl
import pytest

from plateful.errors import ModelError
from plateful.scoring.completion import complete
from plateful.stores import Lake
from plateful.tables import TABLES
from plateful.vision.image_io import encode_png

COUNT = 5


class Gates:
    """Versions and gates that give full marks, but break on a black picture when asked to."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
        self.scored: list[str] = []

    def version(self) -> str:
        return "v1"

    def judge_version(self) -> str:
        return "j1"

    def scorer(self) -> "Gates":
        return self

    def judge(self) -> Any:
        raise NotImplementedError

    def quality(self, ids: Sequence[str], arrays: Sequence[np.ndarray]) -> pl.DataFrame:
        if self.error and any(array.max() == 0 for array in arrays):
            raise self.error
        self.scored += ids
        table = TABLES["quality_scores"]
        marks = {name: 1.0 for name, dtype in table.schema.items() if dtype == pl.Float64}
        rest = {"scorer_version": "v1", "passed": True, "failures": []}
        return table.frame([{"candidate_id": i, **marks, **rest} for i in ids])


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(str(tmp_path / "lake"))
    for number in range(COUNT):
        level = 0 if number == 2 else 200
        lake.put_image(f"{number:08x}", encode_png(np.full((8, 8, 3), level, np.uint8)))
    return lake


def completed(lake: Lake, gates: Gates) -> pl.DataFrame:
    ids = [f"{number:08x}" for number in range(COUNT)]
    candidates = pl.DataFrame({"candidate_id": ids, "request_id": ids, "status": ["ok"] * COUNT})
    prompts = pl.DataFrame({"request_id": ids, "expected_text": [None] * COUNT, "rubric": ["[]"] * COUNT})
    return complete("quality_scores", candidates, prompts, gates, lake, "SG")  # type: ignore[arg-type]


def test_what_is_there_is_not_computed_again(lake: Lake) -> None:
    gates = Gates()
    first = completed(lake, gates)
    assert first["passed"].all()
    assert completed(lake, gates).equals(first)
    assert len(gates.scored) == COUNT


@pytest.mark.parametrize("broken", ["gate", "file"])
def test_a_picture_that_cannot_be_scored_fails_with_its_reason(lake: Lake, broken: str) -> None:
    if broken == "file":
        Path(lake.image_path("00000002")).write_bytes(b"GIF89a")
    frame = completed(lake, Gates(cv2.error("!dsize.empty()")))
    assert frame["passed"].to_list() == [True, True, False, True, True]
    (failure,) = frame["failures"][2]
    assert failure.startswith("not_scored: error: !dsize" if broken == "gate" else "not_scored: ImageError")
    assert (frame["quality"][2], frame["scorer_version"][2]) == (0.0, "v1")
    if broken == "gate":
        gates = Gates()
        assert completed(lake, gates)["passed"].all(), "a later run tries again"
        assert gates.scored == ["00000002"]


def test_what_no_picture_would_survive_stops_the_gate(lake: Lake) -> None:
    with pytest.raises(ModelError):
        completed(lake, Gates(ModelError("no weights", fix="make models")))
