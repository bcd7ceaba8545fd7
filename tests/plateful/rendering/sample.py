"""Tasks, requests and fakes for the rendering tests."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch

from plateful.errors import RenderError
from plateful.identity import candidate_id, seed_for
from plateful.models.catalog import load_catalog
from plateful.models.versions import ModelVersion
from plateful.rendering.billing import Bill, own_bill
from plateful.rendering.renderer import CandidateError
from plateful.rendering.task import RenderTask

COUNTRY = "SG"


class MemoryLimit:
    """A device on which more than so many rows of a network's evaluation do not fit."""

    def __init__(self, network: torch.nn.Module, rows: int) -> None:
        self.rows, self.refused = rows, 0
        self.hook = network.register_forward_pre_hook(self.check, with_kwargs=True)

    def check(self, _module: torch.nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        if len(given[0] if given else named["hidden_states"]) > self.rows:
            self.refused += 1
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


def make_task(version: ModelVersion, subject: str, attempt: int = 0, **changes: Any) -> RenderTask:
    """Return a task with a candidate id that follows from its fields."""
    fields: dict[str, Any] = {
        "prompt": f"a bowl of {subject}",
        "negative_prompt": "text",
        "parameters": {"size": 128, "steps": version.profile.steps, "cfg_scale": 4.0},
        "route": "text_to_image",
        "init_sha256": None,
        "mask_sha256": None,
        "reference_sha256": None,
        "seed": seed_for(COUNTRY, subject, attempt),
        **changes,
    }
    identity = candidate_id(
        model_digest=version.digest,
        adapter_digests=(),
        prompt=fields["prompt"],
        negative_prompt=fields["negative_prompt"],
        parameters=fields["parameters"],
        seed=fields["seed"],
        init_image=fields["init_sha256"],
        mask=fields["mask_sha256"],
        reference_image=fields["reference_sha256"],
    )
    known = {"request_id": f"request-{subject}", "country": COUNTRY, "subject": subject, "attempt": attempt}
    return RenderTask(
        candidate_id=identity,
        model=version.model,
        model_version=version.digest,
        receipt={},
        **{**known, **fields},
    )


def request(subject: str, **changes: Any) -> dict[str, Any]:
    """Return a PROMPTS row."""
    return {
        "request_id": f"request-{subject}",
        "country": COUNTRY,
        "subject": subject,
        "product_ids": [subject],
        "application": "menu-item",
        "team": "default",
        "template": "menu-item@1",
        "writer": "grammar@1",
        "refused": None,
        "prompt": f"a bowl of {subject}",
        "negative_prompt": "text",
        "parameters": "{}",
        "contract": "[]",
        "rubric": "[]",
        "expected_text": None,
        "layout": None,
        "route": "text_to_image",
        "photo_sha256": None,
        "record_hash": "r" * 64,
        **changes,
    }


class Clock:
    """Advances one second with every look."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 21, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


class Painter:
    """A renderer whose pictures are noise from the seed. It counts them; some subjects it cannot paint.

    Args:
        batch: tasks per batch.
        cannot: subject -> how many more times it alone fails.
        crashes: subject -> how many more times it takes its whole batch down.
    """

    device = "cpu"

    def __init__(
        self,
        *,
        batch: int = 4,
        cannot: Mapping[str, int] | None = None,
        crashes: Mapping[str, int] | None = None,
    ) -> None:
        entry = load_catalog()["plateful-tiny"]
        self.version = ModelVersion("plateful-tiny", "d" * 64, entry.profile_named(), entry, Path("nowhere"))
        self.batch, self.painted = batch, []
        self.cannot, self.crashes = dict(cannot or {}), dict(crashes or {})

    def batches(self, tasks: Sequence[RenderTask]) -> list[list[RenderTask]]:
        return [list(tasks[start : start + self.batch]) for start in range(0, len(tasks), self.batch)]

    def render(
        self,
        tasks: Sequence[RenderTask],
        photos: Mapping,
        masks: Mapping,  # noqa: ARG002 - the protocol's
    ) -> list[np.ndarray | RenderError]:
        for task in tasks:
            if self.crashes.get(task.subject, 0) > 0:
                self.crashes[task.subject] -= 1
                raise RuntimeError("CUDA out of memory.\nTried to allocate")
        return [self._paint(task, photos) for task in tasks]

    def bill(self, task: RenderTask, result: np.ndarray | RenderError) -> Bill:  # noqa: ARG002 - the protocol's
        return own_bill(result)

    def _paint(self, task: RenderTask, photos: Mapping) -> np.ndarray | RenderError:
        if self.cannot.get(task.subject, 0) > 0:
            self.cannot[task.subject] -= 1
            return CandidateError("not_finite", "nan", fix="none")
        if task.init_sha256 and task.init_sha256 not in photos:
            return CandidateError("init_image_unreadable", "no photo", fix="none")
        self.painted.append(task.candidate_id)
        return np.random.default_rng(task.seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)


class Ledger:
    """Counts failures by request, as the ledger does."""

    def __init__(self) -> None:
        self.attempts: dict[str, int] = {}
        self.reasons: list[str] = []
        self.stages: set[str] = set()

    def note(self, request_id: str, stage: str, reason: str) -> int:
        self.attempts[request_id] = self.attempts.get(request_id, 0) + 1
        self.reasons.append(reason)
        self.stages.add(stage)
        return self.attempts[request_id]

    def forget(self, request_id: str, stage: str) -> None:
        assert stage in self.stages
        del self.attempts[request_id]
