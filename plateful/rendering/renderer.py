"""What a renderer is to a shard: a model version that turns tasks into pictures, batch by batch."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from plateful.errors import RenderError
from plateful.models.versions import ModelVersion
from plateful.rendering.billing import Bill
from plateful.rendering.task import RenderTask

Arrays = Mapping[str, np.ndarray]


class CandidateError(RenderError):
    """One candidate failed for a named reason (the UI counts reasons)."""

    def __init__(self, reason: str, message: str, *, fix: str) -> None:
        super().__init__(f"{reason}: {message}", fix=fix)
        self.reason = reason


class Renderer(Protocol):
    """Renders tasks of one model version."""

    version: ModelVersion

    @property
    def device(self) -> str:
        """Device kind, as manifests record it."""
        ...

    def batches(self, tasks: Sequence[RenderTask]) -> list[list[RenderTask]]:
        """Split tasks into groups that `render` does in one go; every task is in exactly one group."""
        ...

    def render(
        self, tasks: Sequence[RenderTask], photos: Arrays, masks: Arrays
    ) -> list[np.ndarray | RenderError]:
        """Return one uint8 RGB picture or error per task, in order.

        A picture is (size, size, 3), an inpainted one of its photo's shape (H, W, 3).

        Args:
            tasks: any tasks of this version.
            photos: sha256 -> uint8 RGB (H, W, 3): the init and reference images that tasks name.
            masks: sha256 -> uint8 (H, W) or (H, W, 3), 255 where to paint.
        """
        ...

    def bill(self, task: RenderTask, result: np.ndarray | RenderError) -> Bill:
        """Return what the last render of a task, of which that came, has to be paid for."""
        ...
