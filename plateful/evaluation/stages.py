"""How long each stage of a comparison takes, over all runs that it was made in."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from upath import UPath

from plateful.errors import ModelError, PlatefulError, RenderError, StoreError
from plateful.item_faults import told
from plateful.metrics.clock import stopwatch
from plateful.models.versions import ModelVersion
from plateful.rendering.billing import Bill
from plateful.rendering.renderer import Arrays, Renderer
from plateful.rendering.task import RenderTask
from plateful.stores import objects

# Per picture; `load` is once per run.
STAGES = ("prompt", "render", "score", "store")


@dataclass
class StageSeconds:
    """Seconds and pictures by stage; kept in a file, because pictures that are there are not made again."""

    seconds: dict[str, float] = field(default_factory=dict)
    pictures: dict[str, int] = field(default_factory=dict)

    def add(self, stage: str, seconds: float, pictures: int) -> None:
        """Note what a stage took for so many pictures."""
        if pictures:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds
            self.pictures[stage] = self.pictures.get(stage, 0) + pictures

    def per_picture(self) -> dict[str, float | None]:
        """Return stage -> seconds per picture; None for a stage that was never measured."""
        return {
            stage: self.seconds[stage] / self.pictures[stage] if stage in self.seconds else None
            for stage in (*STAGES, "load")
        }

    @classmethod
    def read(cls, path: Path) -> "StageSeconds":
        """Read what earlier runs took; nothing when there were none.

        Raises:
            StoreError: the file is none of ours.
        """
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
            return cls(dict(fields["seconds"]), dict(fields["pictures"]))
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"timings {path} cannot be read: {told(error)}", fix="delete the file"
            ) from error

    def write(self, path: Path) -> None:
        """Write them, atomically."""
        text = json.dumps({"seconds": self.seconds, "pictures": self.pictures}, indent=1)
        objects.replace(UPath(path), text.encode())


class TimedRenderer:
    """A renderer that is loaded when first needed, and tells how long loading and rendering took.

    Args:
        version: model version.
        open_renderer: loads it.
    """

    def __init__(self, version: ModelVersion, open_renderer: Callable[[ModelVersion], Renderer]) -> None:
        self.version = version
        self._open = open_renderer
        self._opened: Renderer | None = None
        self.load_seconds = self.render_seconds = 0.0
        self.rendered = 0

    @property
    def loaded(self) -> bool:
        """Whether it was needed."""
        return self._opened is not None

    @property
    def device(self) -> str:
        """Device kind, as manifests record it."""
        return self._renderer().device

    def batches(self, tasks: Sequence[RenderTask]) -> list[list[RenderTask]]:
        """Split tasks as the renderer does; no tasks load nothing."""
        return self._renderer().batches(tasks) if tasks else []

    def render(
        self, tasks: Sequence[RenderTask], photos: Arrays, masks: Arrays
    ) -> list[np.ndarray | RenderError]:
        """Render; see `Renderer.render`."""
        renderer = self._renderer()
        with stopwatch() as elapsed:
            try:
                return renderer.render(tasks, photos, masks)
            finally:
                self.render_seconds += elapsed()
                self.rendered += len(tasks)

    def bill(self, task: RenderTask, result: np.ndarray | RenderError) -> Bill:
        """Return what the last render of a task has to be paid for; see `Renderer.bill`."""
        return self._renderer().bill(task, result)

    def _renderer(self) -> Renderer:
        if self._opened is None:
            with stopwatch() as elapsed:
                self._opened = self._load()
            self.load_seconds = elapsed()
        return self._opened

    def _load(self) -> Renderer:
        try:
            return self._open(self.version)
        except PlatefulError:
            raise
        # A loader raises what it likes on a folder that is not what its config says.
        except Exception as error:
            raise ModelError(
                f"model {self.version.model!r} cannot be loaded: {told(error)}",
                fix="restore its weights, or correct its catalog entry",
            ) from error
