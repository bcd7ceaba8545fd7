"""What the size benchmarks put in the place of pixels; everything around them is the real code.

The renderer follows `Renderer` and hands back one constant tiny picture; gates and judge give every picture
the same verdicts. The lake writes tables, manifests and scores as ever and drops candidate pictures: it only
remembers which ones it was given, so that none counts as lost.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl

from plateful.errors import RenderError
from plateful.identity import asked_version
from plateful.models.versions import ModelVersion
from plateful.rendering.billing import Bill, own_bill
from plateful.rendering.renderer import Arrays, Renderer
from plateful.rendering.task import RenderTask
from plateful.stores import Lake
from plateful.tables import TABLES
from plateful.vision.image_io import encode_png
from resources.models import ModelResource, ScoringResource
from resources.stores import LakeResource
from training.plates import render, sample_plate

# As SDXL on a large GPU.
BATCH = 32
PICTURE = np.full((8, 8, 3), 127, np.uint8)
# Keys of the pictures that a lake was given since the process began or `forget_pictures`.
_GIVEN: set[str] = set()


class StubRenderer:
    """Renders every task as one constant picture."""

    device = "cpu, stub"

    def __init__(self, version: ModelVersion) -> None:
        self.version = version

    def batches(self, tasks: Sequence[RenderTask]) -> list[list[RenderTask]]:
        """Split tasks in order."""
        return [list(tasks[start : start + BATCH]) for start in range(0, len(tasks), BATCH)]

    def render(
        self,
        tasks: Sequence[RenderTask],
        photos: Arrays,  # noqa: ARG002 - the protocol's
        masks: Arrays,  # noqa: ARG002 - the protocol's
    ) -> list[np.ndarray | RenderError]:
        """Return the constant picture for each task."""
        return [PICTURE] * len(tasks)

    def bill(self, task: RenderTask, result: np.ndarray | RenderError) -> Bill:  # noqa: ARG002 - the protocol's
        """Return the bill of a render on a device of ours."""
        return own_bill(result)


class StubGates:
    """Gates and judge with one verdict for all, in real rows with real versions."""

    version = "stub"
    clip = SimpleNamespace(embed_images=lambda arrays: np.zeros((len(arrays), 1), np.float32))

    def safety(
        self, ids: Sequence[str], _arrays: object, texts: Sequence[str | None], **_: object
    ) -> pl.DataFrame:
        """Return SAFETY_SCORES."""
        return _verdicts("safety_scores", ids, [asked_version(self.version, text) for text in texts])

    def quality(self, ids: Sequence[str], arrays: object) -> pl.DataFrame:  # noqa: ARG002 - as the gates
        """Return QUALITY_SCORES."""
        return _verdicts("quality_scores", ids, [self.version] * len(ids))

    def judge(self, ids: Sequence[str], _arrays: object, rubrics: Sequence[str], **_: object) -> pl.DataFrame:
        """Return JUDGE_VERDICTS."""
        return _verdicts("judge_verdicts", ids, [asked_version(self.version, each) for each in rubrics])


def _verdicts(name: str, ids: Sequence[str], versions: Sequence[str]) -> pl.DataFrame:
    table = TABLES[name]
    fill: dict[Any, Any] = {pl.Float64: 0.9, pl.Boolean: True, pl.String: "[]"}
    columns = {column: fill.get(dtype, []) for column, dtype in table.schema.items()}
    version = next(column for column in columns if column.endswith("_version"))
    own = {"candidate_id": ids, version: versions}
    rest = [
        pl.lit(value, dtype=table.schema[name]).alias(name)
        for name, value in columns.items()
        if name not in own
    ]
    return table.frame(pl.DataFrame(own).with_columns(rest))


class StubModels(ModelResource):
    """The model in use, with a renderer that renders nothing."""

    def renderer(self, lake: Lake, model: str | None = None) -> Renderer:  # noqa: ARG002 - as its base
        """Return the stub renderer of a catalog name."""
        return StubRenderer(self.version(model))


class StubScoring(ScoringResource):
    """Gates and judge that look at nothing."""

    def scorer(self) -> Any:  # noqa: ANN401 - a Scorer without a CLIP
        """Return the stub gates."""
        return StubGates()

    def judge(self) -> Any:  # noqa: ANN401 - a Judge without a CLIP
        """Return the stub judge."""
        return StubGates()


class PicturelessLake(Lake):
    """A lake that keeps tables and parts, and of candidate pictures only that they were given."""

    def put_image(self, key: str, png: bytes) -> bool:  # noqa: ARG002 - dropped on purpose
        """Remember a key; return whether it is new."""
        new = key not in _GIVEN
        _GIVEN.add(key)
        return new

    def has_image(self, key: str) -> bool:
        """Return whether the key was given."""
        return key in _GIVEN

    def stored_images(self, keys: Iterable[str]) -> set[str]:
        """Return those of the keys that were given."""
        return _GIVEN.intersection(keys)

    def get_image(self, key: str) -> bytes:  # noqa: ARG002 - one for all
        """Return a plate of a candidate's usual size, so that contact sheets weigh what they do."""
        return _plate()


class PicturelessLakeResource(LakeResource):
    """The lake of the benchmarks."""

    def open(self) -> Lake:
        """Return the lake that drops pictures."""
        return PicturelessLake(self.root)


def forget_pictures() -> None:
    """Forget what was given: the next country asks for none of it."""
    _GIVEN.clear()


@lru_cache(maxsize=1)
def _plate() -> bytes:
    return encode_png(render(sample_plate(1)).image)
