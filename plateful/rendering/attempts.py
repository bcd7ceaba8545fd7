"""What fails among others, in whatever way, is tried alone; an error that no item survives is raised."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import numpy as np

from plateful.errors import ImageError, RenderError
from plateful.item_faults import stops_all, told
from plateful.rendering.renderer import CandidateError, Renderer
from plateful.rendering.task import RenderTask
from plateful.stores.lake import Lake
from plateful.vision.image_io import open_stored

# (request id, stage, reason) -> how often that request has failed.
NoteFailure = Callable[[str, str, str], int]
# (request id, stage): its failures before this success count no more.
NoteSuccess = Callable[[str, str], None]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Attempts:
    """Renders batches, and counts failures by request.

    Attributes:
        renderer: loaded renderer.
        lake: holds photos and masks.
        clock: current time, aware UTC.
        max_attempts: failures of a request after which a failing candidate is given up.
        note_failure: counts a failure.
        note_success: told when a task works after failures.
    """

    renderer: Renderer
    lake: Lake
    clock: Callable[[], datetime]
    max_attempts: int
    note_failure: NoteFailure
    note_success: NoteSuccess

    def render(self, batch: list[RenderTask]) -> tuple[list[np.ndarray | RenderError], list[float]]:
        """Render a batch; tasks that fail are tried again alone.

        Returns one picture or last error per task, and its seconds: its share of the batch, and its retries.
        """
        started = self.clock()
        results = self._once(batch)
        seconds = [self._since(started) / len(batch)] * len(batch)
        for index, task in enumerate(batch):
            if isinstance(results[index], RenderError):
                started = self.clock()
                results[index] = self.again(task, "render", lambda alone=task: self._once([alone])[0])
                seconds[index] += self._since(started)
        return results, seconds

    def again(
        self, task: RenderTask, stage: str, attempt: Callable[[], Result | RenderError]
    ) -> Result | RenderError:
        """Try one task by itself until it works or its request has failed too often."""
        result, failed = attempt(), False
        while isinstance(result, RenderError):
            failed = True
            if self.note_failure(task.request_id, stage, str(result)) >= self.max_attempts:
                return result
            result = attempt()
        if failed:
            self.note_success(task.request_id, stage)
        return result

    def give_up(self, task: RenderTask, reason: str) -> None:
        """Count as many failures as there may be: no further attempt mends a stored file."""
        while self.note_failure(task.request_id, "render", reason) < self.max_attempts:
            pass

    def _since(self, started: datetime) -> float:
        return (self.clock() - started).total_seconds()

    def _once(self, tasks: list[RenderTask]) -> list[np.ndarray | RenderError]:
        photos = dict(self._opened({key for t in tasks for key in t.photos}))
        masks = dict(self._opened({t.mask_sha256 for t in tasks if t.mask_sha256}))
        try:
            return self.renderer.render(tasks, photos, masks)
        except Exception as error:
            return [own_fault("render_failed", error)] * len(tasks)

    def _opened(self, keys: set[str]) -> Iterator[tuple[str, np.ndarray]]:
        """Open stored photos or masks; the renderer names the tasks whose picture is not among them."""
        for key in sorted(keys):
            if not self.lake.has_image(key):
                continue
            try:
                yield key, open_stored(self.lake.get_image(key))
            except ImageError:
                continue


def own_fault(reason: str, error: Exception) -> CandidateError:
    """Return an error as its item's; raises it when it is everybody's."""
    if stops_all(error):
        raise error
    return CandidateError(reason, told(error), fix="look at its prompt and photo, then have it tried again")


def reason_of(error: RenderError) -> str:
    """Return the name under which a failure is counted."""
    return getattr(error, "reason", "render_failed")
