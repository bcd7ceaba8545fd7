"""Batches of tasks -> pictures with weights loaded here, whatever the family.

A candidate's pixels depend on its task and the device kind alone: every batch has the same shape (short ones
are padded with repeats of the last task), each candidate has its own generator, and prompts are embedded one
by one.
"""

import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from plateful.errors import ModelError, RenderError
from plateful.models.profile import ServingProfile
from plateful.models.versions import ModelVersion
from plateful.rendering.billing import Bill, own_bill
from plateful.rendering.candidates import canvas_of, missing_reference, picture_of
from plateful.rendering.device_kind import DeviceKind
from plateful.rendering.inpainting import Canvas
from plateful.rendering.loading import free_cache, weight_bytes
from plateful.rendering.renderer import Arrays, CandidateError
from plateful.rendering.task import RenderTask

_LOG = logging.getLogger(__name__)


class LocalRenderer(ABC):
    """One loaded model version: a pool keeps it, and its pixels can be rendered again.

    Args:
        version: model version, its weights verified by `resolve_model`.
        device: torch device; default the first GPU, else the CPU.
        threads: CPU threads; default one per core. Another number gives other last bits (measured: 1 against
            2), so on a CPU it is part of the device kind.
    """

    # The loaded diffusers pipeline.
    pipeline: Any

    def __init__(self, version: ModelVersion, device: str | None = None, threads: int | None = None) -> None:
        self.version = version
        _, profile = version.own
        self._profile: ServingProfile = profile
        self._place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        cores = len(os.sched_getaffinity(0))
        self._kind = DeviceKind(self._place, threads or cores, profile.batch, usual=profile.batch)

    @abstractmethod
    def flush(self) -> None:
        """Forget what another model has no use for."""

    @abstractmethod
    def _paint(
        self, tasks: list[RenderTask], photos: Arrays, canvases: Mapping[str, Canvas]
    ) -> tuple[np.ndarray, list[bool]]:
        """Return uint8 RGB (n, height, width, 3) for a whole batch, and for each whether all was finite."""

    def _shape(self, task: RenderTask) -> tuple:
        """Return what the tasks of one batch have in common."""
        return (task.route, tuple(sorted(task.parameters.items())))

    @property
    def device(self) -> str:
        """Device kind, as manifests record it: the GPU's name, or `cpu, 2 threads` (see DeviceKind)."""
        return str(self._kind)

    @property
    def bytes(self) -> int:
        """Bytes of the loaded weights."""
        return weight_bytes(self.pipeline)

    @contextmanager
    def like(self, device: str) -> Iterator[None]:
        """Render with a recorded device kind's CPU threads and batch inside the block; a GPU stays one."""
        own, self._kind = self._kind, self._kind.like(device)
        try:
            yield
        finally:
            self._kind = own

    def batches(self, tasks: Sequence[RenderTask]) -> list[list[RenderTask]]:
        """Group tasks of equal route, parameters and whatever else a batch must share."""
        groups: dict[tuple, list[RenderTask]] = {}
        for task in tasks:
            groups.setdefault(self._shape(task), []).append(task)
        size = self._kind.batch
        return [
            group[start : start + size] for group in groups.values() for start in range(0, len(group), size)
        ]

    def render(
        self, tasks: Sequence[RenderTask], photos: Arrays, masks: Arrays
    ) -> list[np.ndarray | RenderError]:
        """Return one uint8 RGB picture or error per task, in order (see `Renderer.render`).

        Raises:
            ModelError: a task is of another model version, or not even one candidate fits into memory.
        """
        done: dict[str, np.ndarray | RenderError] = {}
        canvases: dict[str, Canvas] = {}
        for task in tasks:
            problem = self._prepare(task, photos, masks, canvases)
            if problem:
                done[task.candidate_id] = problem
        for batch in self.batches([t for t in tasks if t.candidate_id not in done]):
            pictures = self._render_within_memory(batch, photos, canvases)
            done.update(zip((t.candidate_id for t in batch), pictures, strict=True))
        return [done[task.candidate_id] for task in tasks]

    def bill(self, task: RenderTask, result: np.ndarray | RenderError) -> Bill:  # noqa: ARG002 - the protocol's
        """Return the picture that came out, if one did (see `Renderer.bill`)."""
        return own_bill(result)

    def _prepare(
        self, task: RenderTask, photos: Arrays, masks: Arrays, canvases: dict[str, Canvas]
    ) -> CandidateError | None:
        """Fit the task's photo; return what is wrong with the task alone, before it joins a batch."""
        if task.model_version != self.version.digest:
            raise ModelError(
                f"candidate {task.candidate_id[:12]} is of model version {task.model_version[:12]}, "
                f"this renderer is {self.version.digest[:12]}",
                fix="plan again, or load that version's weights",
            )
        problem = missing_reference(task, photos)
        if problem:
            return problem
        if task.route != "inpaint":
            return None
        canvas = canvas_of(task, photos, masks)
        if isinstance(canvas, CandidateError):
            return canvas
        canvases[task.candidate_id] = canvas
        return None

    def _render_within_memory(
        self, batch: list[RenderTask], photos: Arrays, canvases: dict[str, Canvas]
    ) -> list[np.ndarray | RenderError]:
        """Render a batch; out of memory halves it, for this batch and those to come."""
        try:
            return self._render_batch(batch, photos, canvases)
        except torch.OutOfMemoryError as error:
            self._halve(error)
        # Outside the handler, which keeps the failed attempt's tensors alive.
        free_cache(self._place)
        parts = [self._render_within_memory(part, photos, canvases) for part in self.batches(batch)]
        return [picture for part in parts for picture in part]

    def _halve(self, error: torch.OutOfMemoryError) -> None:
        if self._kind.batch == 1:
            raise ModelError(
                f"model {self.version.model!r} has no memory left for one candidate on {self.device}",
                fix="choose a smaller size or a profile in half precision, or free the device",
            ) from error
        self._kind.batch //= 2
        _LOG.warning("out of memory: %s goes on with batches of %d", self.version.name, self._kind.batch)

    def _render_batch(
        self, batch: list[RenderTask], photos: Arrays, canvases: dict[str, Canvas]
    ) -> list[np.ndarray | RenderError]:
        padded = batch + [batch[-1]] * (self._kind.batch - len(batch))
        # Every time: scorers and trainers in this process set threads too.
        torch.set_num_threads(self._kind.threads)
        with torch.inference_mode():
            pixels, finite = self._paint(padded, photos, canvases)
        return [
            picture_of(*each, canvases.get(each[0].candidate_id))
            for each in zip(batch, pixels[: len(batch)], finite[: len(batch)], strict=True)
        ]
