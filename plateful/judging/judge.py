"""The judge: tiny CLIP answers each line of the fidelity contract, picture by picture.

A line asks for a positive sentence against alternatives; its answer is CLIP's share of the positive among
them. What cannot be answered (no alternatives, unreadable rubric, no lines) is a named failure, never a pass.
"""

import json
from collections.abc import Sequence
from typing import Literal

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from plateful.identity import asked_version, canonical_json, content_hash
from plateful.scoring.thresholds import Thresholds, load_thresholds, numbers
from plateful.tables import TABLES
from plateful.vision.clip import TinyClip, softmax

# Raise when the judge answers differently on the same model and thresholds.
CODE_VERSION = 1


class Line(BaseModel):
    """One question of a rubric; `required` lines decide the verdict, the others only lower the fidelity."""

    model_config = ConfigDict(extra="allow", frozen=True)

    question: str
    positive: str = Field(min_length=1)
    negatives: list[str]
    kind: Literal["must_show", "must_not_show", "background"]
    claim: str = Field(min_length=1)
    field: str
    required: bool
    # False: no alternative sentence can prove the line (a dish that CLIP has no word for); a person is asked.
    provable: bool = True


_RUBRIC = TypeAdapter(list[Line])


def judge_version(clip_digest: str, thresholds: Thresholds | None = None) -> str:
    """Return the version of the judge on a CLIP, without loading it."""
    limits = (thresholds or load_thresholds()).judge
    return content_hash(["judge", CODE_VERSION, numbers(limits), clip_digest])[:16]


class Judge:
    """Answers rubrics with tiny CLIP.

    Args:
        clip: the model.
        thresholds: the shipped ones by default; only their `judge` part is read.
    """

    def __init__(self, clip: TinyClip, thresholds: Thresholds | None = None) -> None:
        self._clip = clip
        self._limits = (thresholds or load_thresholds()).judge
        self.version = judge_version(clip.digest, thresholds)

    def judge(
        self,
        ids: Sequence[str],
        arrays: Sequence[np.ndarray] | None,
        rubrics: Sequence[str],
        *,
        embeddings: np.ndarray | None = None,
    ) -> pl.DataFrame:
        """Answer each picture's rubric -> JUDGE_VERDICTS.

        Args:
            ids: candidate ids, n.
            arrays: uint8 RGB pictures, n; may be None when embeddings are given.
            rubrics: JSON list of lines, as in PROMPTS.rubric, n.
            embeddings: rows of `clip.embed_images(arrays)`, when the caller has them.
        """
        rows = self._clip.embed_images(arrays or []) if embeddings is None else embeddings
        each = zip(ids, rows, rubrics, strict=True)
        return TABLES["judge_verdicts"].frame([self._row(i, row, rubric) for i, row, rubric in each])

    def _row(self, candidate: str, embedding: np.ndarray, rubric: str) -> dict:
        lines, failures = _parse(rubric)
        answers = [self._answer(line, embedding) for line in lines]
        proved = [a for a in answers if a["provable"]]
        failures += _unproved(lines, answers)
        if lines and not proved:
            failures.append("nothing_proved")
        return {
            "candidate_id": candidate,
            "judge_version": asked_version(self.version, rubric),
            "fidelity": float(np.mean([a["score"] for a in proved])) if proved else 0.0,
            "answers": canonical_json(answers),
            "passed": not failures,
            "failures": list(dict.fromkeys(failures)),
        }

    def _answer(self, line: Line, embedding: np.ndarray) -> dict:
        kept = line.model_dump(include={"question", "claim", "field", "kind", "required"})
        if not line.negatives:
            return {**kept, "provable": False, "score": 0.0, "passed": False}
        texts = self._clip.embed_texts([line.positive, *line.negatives])
        share = float(softmax(self._clip.temperature * (texts @ embedding))[0])
        score = 1 - share if line.kind == "must_not_show" else share
        limit = getattr(self._limits, line.kind).value
        return {**kept, "provable": line.provable, "score": round(score, 4), "passed": score >= limit}


def _unproved(lines: list[Line], answers: list[dict]) -> list[str]:
    """Claims of required lines answered no; a line without alternatives has no answer, and that is a no."""
    pairs = zip(lines, answers, strict=True)
    return [line.claim for line, a in pairs if line.required and line.provable and not a["passed"]]


def _parse(rubric: str) -> tuple[list[Line], list[str]]:
    """The rubric's lines, or none with a named failure."""
    try:
        lines = _RUBRIC.validate_python(json.loads(rubric))
    except (ValidationError, ValueError, TypeError):
        return [], ["rubric_malformed"]
    return (lines, []) if lines else ([], ["rubric_empty"])
