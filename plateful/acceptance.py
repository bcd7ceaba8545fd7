"""Acceptance: which candidates passed every gate, in what order, and why the others did not.

The gates' score rows decide; a missing row, an empty verdict or an unreadable number is a failure.
"""

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import polars as pl

from plateful.errors import ContractError
from plateful.tables import ACCEPTED_CANDIDATES

Row = Mapping[str, Any]
BEYOND_LIMIT = "rank:beyond_limit"
SUPERSEDED = "rank:earlier_generation"
# Fidelity and quality weigh the same: a sharp picture of the wrong dish is no better than a blurred one.
FIDELITY_WEIGHT = 0.5


def accept(
    candidates: pl.DataFrame,
    safety: pl.DataFrame,
    quality: pl.DataFrame,
    judge: pl.DataFrame,
    *,
    per_request: int,
    first_attempts: Mapping[str, int],
) -> pl.DataFrame:
    """Return ACCEPTED_CANDIDATES: one row per candidate, at most `per_request` accepted per request.

    Once a request has a picture of its newest generation, those of earlier ones are not accepted: a person
    asked for others.

    Args:
        candidates: GENERATED_CANDIDATES.
        safety: SAFETY_SCORES, one row per candidate.
        quality: QUALITY_SCORES, one row per candidate.
        judge: JUDGE_VERDICTS, one row per candidate.
        per_request: how many candidates of a request may be accepted, >= 1.
        first_attempts: subject -> first attempt of its newest generation; absent subjects have only one.

    Raises:
        ContractError: two rows for one candidate in one table.
    """
    scores = GateScores(safety, quality, judge)
    rows = [
        _verdict(row, scores) for row in by_key(candidates, "candidate_id", "generated_candidates").values()
    ]
    superseded = _superseded(candidates, first_attempts)
    for row in rows:
        if row["accepted"] and row["candidate_id"] in superseded:
            row.update(accepted=False, reasons=[SUPERSEDED])
    # A repainted photo that passed keeps the vendor's own scene; text is its reserve.
    from_text = candidates["route"].ne_missing("inpaint")
    places = dict(
        zip(candidates["candidate_id"], zip(from_text, candidates["attempt"], strict=True), strict=True)
    )
    _rank(rows, places, per_request)
    return ACCEPTED_CANDIDATES.frame(rows)


class GateScores:
    """The three gates' rows by candidate, and what they say."""

    def __init__(self, safety: pl.DataFrame, quality: pl.DataFrame, judge: pl.DataFrame) -> None:
        self.safety = by_key(safety, "candidate_id", "safety_scores")
        self.quality = by_key(quality, "candidate_id", "quality_scores")
        self.judge = by_key(judge, "candidate_id", "judge_verdicts")

    def failures(self, candidate: Row) -> list[str]:
        """Return every named reason why a candidate may not be shown, e.g. `safety:text`; empty = it may."""
        if candidate["status"] != "ok":
            return [f"render:{candidate['reason'] or candidate['status']}"]
        key = candidate["candidate_id"]
        return [
            *_gate("safety", self.safety.get(key), (), "missing_safety_score"),
            *_gate("quality", self.quality.get(key), ("quality",), "missing_quality_score"),
            *_gate("fidelity", self.judge.get(key), ("fidelity",), "missing_judge_verdict"),
        ]

    def scored(self, candidate_id: str) -> bool:
        """Return whether every gate has a row for the candidate."""
        return all(candidate_id in rows for rows in (self.safety, self.quality, self.judge))

    def score(self, candidate_id: str) -> float | None:
        """Return the ranking score in [0, 1], None when a part of it is missing."""
        fidelity = _number(self.judge.get(candidate_id), "fidelity")
        quality = _number(self.quality.get(candidate_id), "quality")
        if fidelity is None or quality is None:
            return None
        return FIDELITY_WEIGHT * fidelity + (1 - FIDELITY_WEIGHT) * quality


def by_key(frame: pl.DataFrame, key: str, name: str) -> dict[str, dict[str, Any]]:
    """Return key -> row.

    Raises:
        ContractError: a key comes twice.
    """
    rows = {row[key]: row for row in frame.iter_rows(named=True)}
    if len(rows) != frame.height:
        twice = frame.filter(pl.col(key).is_duplicated())[key][0]
        raise ContractError(f"{name}: {key} {twice!r} has several rows", fix=f"give one row per {key}")
    return rows


def _gate(gate: str, row: Row | None, numbers: tuple[str, ...], missing: str) -> list[str]:
    if row is None or any(_number(row, name) is None for name in numbers):
        return [missing]
    failures = [f"{gate}:{failure}" for failure in row["failures"] or ()]
    if failures or row["passed"] is True:
        return failures
    return [f"{gate}:failed"]


def _number(row: Row | None, name: str) -> float | None:
    value = row[name] if row is not None else None
    return value if value is not None and math.isfinite(value) else None


def _verdict(candidate: Row, scores: GateScores) -> dict[str, Any]:
    failures = scores.failures(candidate)
    return {
        "candidate_id": candidate["candidate_id"],
        "request_id": candidate["request_id"],
        "subject": candidate["subject"],
        "accepted": not failures,
        "rank": None,
        "score": scores.score(candidate["candidate_id"]),
        "reasons": failures,
    }


def _superseded(candidates: pl.DataFrame, first_attempts: Mapping[str, int]) -> set[str]:
    """Return the candidates older than the newest generation of requests that have a picture of it."""
    first = pl.col("subject").replace_strict(first_attempts, default=0, return_dtype=pl.Int64)
    newest = pl.col("attempt") >= first
    renewed = candidates.filter(newest & (pl.col("status") == "ok"))["request_id"]
    return set(candidates.filter(~newest & pl.col("request_id").is_in(renewed.implode()))["candidate_id"])


def _rank(rows: list[dict[str, Any]], places: Mapping[str, tuple[bool, int]], per_request: int) -> None:
    """Rank what passed, repainted photos first, then the best; equal scores go to the earlier attempt.

    Args:
        rows: verdicts, changed in place.
        places: candidate -> whether it is from text, and its attempt, so that a rerun ranks alike.
        per_request: how many of a request are accepted.
    """
    requests = defaultdict(list)
    for row in rows:
        if row["accepted"]:
            requests[row["request_id"]].append(row)
    for passed in requests.values():
        passed.sort(key=lambda row: _place(row, *places[row["candidate_id"]]))
        for place, row in enumerate(passed, start=1):
            if place <= per_request:
                row["rank"] = place
            else:
                row.update(accepted=False, reasons=[BEYOND_LIMIT])


def _place(row: Row, from_text: bool, attempt: int) -> tuple[bool, float, int, str]:
    return from_text, -row["score"], attempt, row["candidate_id"]
