"""What is in the pictures of one model: text, layout, scores, and how alike they are to another model's."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from plateful.rendering.pictures import load_arrays
from plateful.scoring.completion import Scoring, complete
from plateful.scoring.thresholds import load_thresholds
from plateful.stores import Lake
from plateful.vision.likeness import perceptual_distance
from plateful.vision.ocr import TextReader, legibility

# Failures of quality_scores that are about where the dish is.
LAYOUT = ("no_subject", "position", "margins")
NOT_ASKED = "[]"
GATES = ("safety_scores", "quality_scores", "judge_verdicts")
SCHEMA = {
    "request_id": pl.String,
    "candidate_id": pl.String,
    "status": pl.String,
    "reason": pl.String,
    "seconds": pl.Float64,
    # Gates: no unexpected text, nobody, no creature; in the frame and centred; nothing failed at all.
    "safe": pl.Boolean,
    "no_stray_text": pl.Boolean,
    "layout": pl.Boolean,
    "passed": pl.Boolean,
    "quality": pl.Float64,
    # Null where nothing was asked of the judge.
    "fidelity": pl.Float64,
    # Share of the expected text that can be read; null where none is expected.
    "legible": pl.Float64,
    "found_text": pl.String,
    "failures": pl.List(pl.String),
    # pHash distance to the first model's picture of the request; null for the first and where either failed.
    "distance": pl.Float64,
}
# A picture that could not be rendered: left out, it would flatter the model.
FAILED = {"safe": False, "no_stray_text": False, "layout": False, "passed": False, "quality": 0.0}


def read_artifacts(
    prompts: pl.DataFrame, candidates: pl.DataFrame, scoring: Scoring, lake: Lake, partition: str
) -> pl.DataFrame:
    """Return one row of SCHEMA per request, in the order of `prompts`; `distance` is null.

    Args:
        prompts: PROMPTS.
        candidates: one GENERATED_CANDIDATES row per request.
        scoring: gates and judge; what they said of a picture before is read, not computed.
        lake: pictures and scores.
        partition: of the scores.
    """
    scored = {
        log: {
            row["candidate_id"]: row
            for row in complete(log, candidates, prompts, scoring, lake, partition).iter_rows(named=True)
        }
        for log in GATES
    }
    legible = _legible(prompts, candidates, lake)
    by_request = {row["request_id"]: row for row in candidates.iter_rows(named=True)}
    rows = []
    for request in prompts.iter_rows(named=True):
        candidate = by_request[request["request_id"]]
        safety, quality, verdict = (scored[log].get(candidate["candidate_id"]) for log in GATES)
        rows.append(_row(request, candidate, safety, quality, verdict, legible.get(request["request_id"])))
    return pl.DataFrame(rows, schema=SCHEMA)


def with_distances(artifacts: pl.DataFrame, base: pl.DataFrame, lake: Lake) -> pl.DataFrame:
    """Return a model's artifacts with the distance of each picture to the base model's of its request."""
    other = dict(base.filter(pl.col("status") == "ok").select("request_id", "candidate_id").iter_rows())

    def distance(request: str, candidate: str, status: str) -> float | None:
        if status != "ok" or request not in other:
            return None
        return perceptual_distance(*load_arrays(lake, [candidate, other[request]]))

    measured = [
        distance(*row) for row in artifacts.select("request_id", "candidate_id", "status").iter_rows()
    ]
    return artifacts.with_columns(distance=pl.Series(measured, dtype=pl.Float64))


def _row(
    request: Mapping[str, Any],
    candidate: Mapping[str, Any],
    safety: Mapping[str, Any] | None,
    quality: Mapping[str, Any] | None,
    verdict: Mapping[str, Any] | None,
    legible: float | None,
) -> dict[str, Any]:
    known = {name: candidate[name] for name in ("request_id", "candidate_id", "status", "reason", "seconds")}
    asked = request["rubric"] != NOT_ASKED
    row = {**dict.fromkeys(SCHEMA), **known, "failures": []}
    if safety is None or quality is None or verdict is None:
        gone = {"fidelity": 0.0 if asked else None, "legible": 0.0 if request["expected_text"] else None}
        return {**row, **FAILED, **gone, "failures": [f"render:{candidate['reason']}"]}
    failures = [f"safety:{name}" for name in safety["failures"]]
    failures += [f"quality:{name}" for name in quality["failures"]]
    failures += [f"fidelity:{name}" for name in verdict["failures"]] if asked else []
    return {
        **row,
        "safe": safety["passed"],
        "no_stray_text": "text" not in safety["failures"],
        "layout": not set(LAYOUT).intersection(quality["failures"]),
        "passed": not failures,
        "quality": quality["quality"],
        "fidelity": verdict["fidelity"] if asked else None,
        "legible": legible,
        "found_text": safety["found_text"],
        "failures": failures,
    }


def _legible(prompts: pl.DataFrame, candidates: pl.DataFrame, lake: Lake) -> dict[str, float]:
    """Read the pictures that may carry text: request id -> share of it that can be read."""
    wanted = prompts.filter(pl.col("expected_text").fill_null("") != "").join(
        candidates.filter(pl.col("status") == "ok"), on="request_id"
    )
    columns = ("request_id", "expected_text", "candidate_id")
    rows: Sequence[tuple[str, str, str]] = list(wanted.select(columns).iter_rows())
    reader, settings = TextReader(), load_thresholds().candidate.text
    side, surely = int(settings.side.value), settings.min_detection.value

    def read(array: np.ndarray, expected: str) -> float:
        return legibility(reader.regions(array, side=side, min_detection=surely), expected)

    return {request: read(load_arrays(lake, [candidate])[0], text) for request, text, candidate in rows}
