"""A render task: everything that decides one candidate's pixels, plus what its scorers need to know."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from plateful.identity import canonical_json
from plateful.teams import DEFAULT_TEAM

Route = Literal["text_to_image", "inpaint"]


@dataclass(frozen=True)
class RenderTask:
    """One candidate to render; the columns of `generated_candidates` that are known before rendering.

    `parameters` are the effective ones, `receipt` says how each came from what was asked. `init_sha256`,
    `mask_sha256` and `reference_sha256` are lake keys of PNGs. `expected_text` and `rubric` are for the
    scorers, `team` pays and `application` is what for; these change no pixel.
    """

    candidate_id: str
    request_id: str
    country: str
    subject: str
    attempt: int
    seed: int
    model: str
    model_version: str
    prompt: str
    negative_prompt: str
    parameters: dict[str, Any]
    receipt: dict[str, Any]
    route: Route
    init_sha256: str | None = None
    mask_sha256: str | None = None
    reference_sha256: str | None = None
    expected_text: str | None = None
    rubric: str = "[]"
    team: str = DEFAULT_TEAM
    application: str = "unknown"

    @property
    def photos(self) -> tuple[str, ...]:
        """Lake keys of the photos that it is rendered from: init image and reference image."""
        return tuple(key for key in (self.init_sha256, self.reference_sha256) if key)

    def to_json(self) -> str:
        """Return the task as canonical JSON."""
        # Not `asdict`: its deep copies were half of what planning cost.
        return canonical_json(vars(self))

    @classmethod
    def from_json(cls, text: str) -> "RenderTask":
        """Return the task that `to_json` wrote."""
        return cls(**json.loads(text))

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "RenderTask":
        """Return the task behind a `generated_candidates` row (without what only its scorers need)."""
        fields = {name: row[name] for name in cls.__dataclass_fields__ if name in row}
        decoded = {name: json.loads(row[name]) for name in ("parameters", "receipt")}
        return cls(**{**fields, **decoded})

    def identity_row(self) -> dict[str, Any]:
        """Return the task's part of its `generated_candidates` row."""
        own = ("expected_text", "rubric", "application")
        row = {name: value for name, value in vars(self).items() if name not in own}
        return {**row, **{name: canonical_json(row[name]) for name in ("parameters", "receipt")}}
