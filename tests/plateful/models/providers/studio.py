"""A hosted catalog entry on a loopback server: its renderer, the provider's side, and planned tasks."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from plateful.models.catalog import CatalogEntry, load_catalog
from plateful.models.versions import ModelVersion, model_version
from plateful.rendering.hosted_renderer import HostedRenderer
from plateful.rendering.plan import plan_tasks
from plateful.rendering.renderer import CandidateError
from plateful.rendering.task import RenderTask
from plateful.stores.lake import Lake
from plateful.tables import INPAINTING_MASKS, PROMPTS
from tests.plateful.models.providers.image_server import KEY, Account, image_server
from tests.plateful.rendering.sample import request

CATALOG = load_catalog()
HOSTED = [name for name, entry in CATALOG.items() if entry.endpoint]
# One entry per provider.
PROVIDERS = {entry.provider: name for name, entry in reversed(CATALOG.items()) if entry.endpoint}
PHOTO, MASK = "f" * 64, "a" * 64


@dataclass
class Studio:
    """A renderer, its lake, the provider's account, and the seconds it was told to wait."""

    version: ModelVersion
    lake: Lake
    account: Account
    waits: list[float] = field(default_factory=list)
    now: datetime = datetime(2026, 11, 21, tzinfo=UTC)
    _asker: HostedRenderer | None = None

    def renderer(self) -> HostedRenderer:
        """A renderer as a fresh process has it."""
        return HostedRenderer(self.version, self.lake, sleep=self.waits.append, clock=lambda: self.now)

    def tasks(self, *subjects: str, n: int = 1, **asked: Any) -> list[RenderTask]:
        """Plan pictures from text."""
        rows = [request(subject, parameters=json.dumps(asked)) for subject in subjects]
        frame = PROMPTS.frame(rows)
        return plan_tasks(frame, INPAINTING_MASKS.empty(), self.version, candidates_per_request=n)

    def edit(self, subject: str = "soup", photo: str = PHOTO, mask: str = MASK, **asked: Any) -> RenderTask:
        """Plan an edit."""
        row = request(subject, parameters=json.dumps(asked), route="inpaint", photo_sha256=photo)
        masks = [
            {"product_id": "p", "photo_sha256": photo, "mask_sha256": mask, "area": 0.3, "status": "ok",
             "method": "m"}
        ]  # fmt: skip
        (task,) = plan_tasks(
            PROMPTS.frame([row]), INPAINTING_MASKS.frame(masks), self.version, candidates_per_request=1
        )
        return task

    def called(self, task: RenderTask, photos: Any = None, masks: Any = None) -> tuple[str, dict]:
        """Return the call that a task makes; the provider understands it, and then has no time for it."""
        self.account.faults.append("too_long")
        self._asker = self._asker or self.renderer()
        (error,) = self._asker.render([task], photos or {}, masks or {})
        assert isinstance(error, CandidateError)
        assert error.reason == "rate_limited", error
        return self.account.seen[-1]


def entry_at(model: str, url: str, **endpoint: Any) -> CatalogEntry:
    """The catalog's entry at another address; an impatient one, so that tests need not wait."""
    entry = CATALOG[model]
    assert entry.endpoint is not None
    there = entry.endpoint.model_copy(update={"url": url, "timeout": 20.0, **endpoint})
    return entry.model_copy(update={"endpoint": there})


@contextmanager
def studio(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *faults: str, **endpoint: Any
) -> Iterator[Studio]:
    """Serve a model's provider, which will go wrong as told, one fault per call."""
    entry = CATALOG[model]
    assert entry.endpoint is not None
    monkeypatch.setenv(entry.endpoint.key, KEY)
    with image_server(entry.provider, honours_keys=endpoint.get("idempotent", False)) as (url, account):
        account.faults.extend(faults)
        version = model_version(entry_at(model, url, **endpoint), tmp_path)
        yield Studio(version, Lake(str(tmp_path / "lake")), account)


def photo_and_mask(side: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """A photo without two equal pixels side by side, and a mask on a dish in its middle."""
    rows, columns = np.indices((side, side * 3 // 2))
    photo = np.stack([rows % 200, columns % 200, (rows + columns) % 200], axis=-1).astype(np.uint8)
    mask = np.zeros(photo.shape[:2], np.uint8)
    cv2.circle(mask, (side * 3 // 4, side // 2), side // 5, 255, -1)
    return photo, mask
