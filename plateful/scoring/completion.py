"""Scoring once: shards score in memory; later stages read those rows and compute only what is missing.

Rows are keyed by candidate and scorer version, so a new threshold or scorer re-scores stored pictures and
renders nothing. A picture that breaks a gate fails that gate, with its reason, and costs no other its score.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
import polars as pl

from plateful.identity import asked_version
from plateful.item_faults import stops_all, told
from plateful.metrics.declared import REJECTIONS, VERDICTS
from plateful.metrics.meter import METER
from plateful.stores import Lake
from plateful.tables import TABLES
from plateful.vision.measures import GATED_SIDE, fitted

if TYPE_CHECKING:
    from plateful.judging.judge import Judge
    from plateful.rendering.task import RenderTask
    from plateful.scoring.scorer import Scorer

VERSION_COLUMN = {
    "safety_scores": "scorer_version",
    "quality_scores": "scorer_version",
    "judge_verdicts": "judge_version",
}
GATE = {"safety_scores": "safety", "quality_scores": "quality", "judge_verdicts": "fidelity"}
_STAGE = {"safety_scores": "score_safety", "quality_scores": "score_quality", "judge_verdicts": "score_judge"}
# Pictures scored at a time when rows are completed: bounds memory to 200 MB.
CHUNK = 64


class Scoring(Protocol):
    """What completion needs: the versions without loading a model, and the models on demand."""

    def version(self) -> str:
        """Version of the gates."""
        ...

    def judge_version(self) -> str:
        """Version of the judge."""
        ...

    def scorer(self) -> "Scorer":
        """Return the gates."""
        ...

    def judge(self) -> "Judge":
        """Return the judge."""
        ...


def score_arrays(
    tasks: Sequence["RenderTask"],
    arrays: Sequence[np.ndarray],
    *,
    scorer: "Scorer",
    judge: "Judge",
    lake: Lake,
    country: str,
) -> None:
    """Score freshly rendered pictures (uint8 RGB, HxWx3) by every gate and append the rows to the lake."""
    ids = [task.candidate_id for task in tasks]
    arrays = [fitted(array, GATED_SIDE) for array in arrays]
    with METER.timed("score_embed", len(ids)):
        embeddings = scorer.clip.embed_images(arrays)
    texts, rubrics = [task.expected_text for task in tasks], [task.rubric for task in tasks]
    gates: dict[str, Callable[[], pl.DataFrame]] = {
        "safety_scores": lambda: scorer.safety(ids, arrays, texts, embeddings=embeddings),
        "quality_scores": lambda: scorer.quality(ids, arrays),
        "judge_verdicts": lambda: judge.judge(ids, arrays, rubrics, embeddings=embeddings),
    }
    for log, gate in gates.items():
        lake.append_part(log, country, _measured(log, len(ids), gate))


def complete(
    log: str, candidates: pl.DataFrame, prompts: pl.DataFrame, scoring: Scoring, lake: Lake, country: str
) -> pl.DataFrame:
    """Return one gate's rows for every rendered candidate, computing those that are not there yet.

    Args:
        log: `safety_scores`, `quality_scores` or `judge_verdicts`.
        candidates: GENERATED_CANDIDATES rows.
        prompts: PROMPTS rows, for expected text and rubrics.
        scoring: versions and models.
        lake: where rows and pictures are.
        country: partition.
    """
    column = VERSION_COLUMN[log]
    wanted = (
        candidates.filter(pl.col("status") == "ok")
        .select("candidate_id", "request_id")
        .join(prompts.select("request_id", "expected_text", "rubric"), on="request_id", how="left")
    )
    wanted = wanted.with_columns(pl.Series(column, _versions(log, wanted, scoring), dtype=pl.String))
    found = lake.read_parts(log, country).join(wanted, on=["candidate_id", column], how="semi")
    missing = wanted.join(found, on="candidate_id", how="anti")
    computed = []
    for chunk in missing.iter_slices(CHUNK):
        rows, lost = _each(log, chunk, scoring, lake)
        lake.append_part(log, country, rows)
        computed += [rows, lost]
    return pl.concat([TABLES[log].frame(found), *computed]).sort("candidate_id")


def _versions(log: str, wanted: pl.DataFrame, scoring: Scoring) -> list[str]:
    """The version that each candidate's row must have, what was asked included."""
    if log == "judge_verdicts":
        return [asked_version(scoring.judge_version(), rubric) for rubric in wanted["rubric"]]
    version = scoring.version()
    if log == "safety_scores":
        return [asked_version(version, text) for text in wanted["expected_text"]]
    return [version] * wanted.height


def _each(log: str, chunk: pl.DataFrame, scoring: Scoring, lake: Lake) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Score candidates together, or one by one when that fails -> (rows to keep, rows of the failed)."""
    none = TABLES[log].empty()
    try:
        return _compute(log, chunk, scoring, lake), none
    except Exception as error:
        if stops_all(error):
            raise
        if chunk.height == 1:
            return none, _unscored(log, chunk, error)
    alone = [_each(log, one, scoring, lake) for one in chunk.iter_slices(1)]
    return pl.concat([rows for rows, _ in alone]), pl.concat([lost for _, lost in alone])


def _compute(log: str, chunk: pl.DataFrame, scoring: Scoring, lake: Lake) -> pl.DataFrame:
    from plateful.rendering.pictures import load_arrays

    ids = chunk["candidate_id"].to_list()
    arrays = [fitted(load_arrays(lake, [key])[0], GATED_SIDE) for key in ids]
    gates: dict[str, Callable[[], pl.DataFrame]] = {
        "safety_scores": lambda: scoring.scorer().safety(ids, arrays, chunk["expected_text"].to_list()),
        "quality_scores": lambda: scoring.scorer().quality(ids, arrays),
        "judge_verdicts": lambda: scoring.judge().judge(ids, arrays, chunk["rubric"].to_list()),
    }
    return _measured(log, len(ids), gates[log])


def _measured(log: str, pictures: int, gate: Callable[[], pl.DataFrame]) -> pl.DataFrame:
    """Return a gate's rows; its seconds, verdicts and named failures are counted once, here."""
    with METER.timed(_STAGE[log], pictures):
        rows = gate()
    passed = int(rows["passed"].sum())
    METER.count(VERDICTS, passed, gate=GATE[log], verdict="passed")
    METER.count(VERDICTS, rows.height - passed, gate=GATE[log], verdict="failed")
    for failures in rows["failures"].to_list():
        for reason in failures:
            METER.count(REJECTIONS, gate=GATE[log], reason=reason)
    return rows


def _unscored(log: str, one: pl.DataFrame, error: Exception) -> pl.DataFrame:
    """A failed verdict with no marks; it goes into no log, so that the next run tries again."""
    table, column = TABLES[log], VERSION_COLUMN[log]
    marks = {name: 0.0 for name, dtype in table.schema.items() if dtype == pl.Float64}
    known = {"candidate_id": one["candidate_id"][0], column: one[column][0]}
    verdict = {"passed": False, "failures": [f"not_scored: {told(error)}"], "answers": "[]"}
    row = {**dict.fromkeys(table.columns), **marks, **known, **verdict}
    return table.frame([{name: row[name] for name in table.columns}])
