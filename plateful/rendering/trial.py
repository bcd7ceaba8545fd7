"""One request by hand: translated, rendered through any renderer, written to a folder; nothing is published.

A candidate's file is named by its id and holds its manifest row, as in the pipeline. What is in the folder is
not rendered again, so an equal call leaves equal files. The team pays as in the pipeline: before its file is
there, so that nothing comes unpaid. Failures go into the manifest: asking again buys what was lost again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from upath import UPath

from plateful.errors import ConfigError, ImageError, RenderError
from plateful.identity import content_hash, sha256_hex
from plateful.item_faults import stops_all, told
from plateful.models.parameters import Translation
from plateful.models.request import ImageRequest
from plateful.models.versions import ModelVersion
from plateful.rendering.attempts import reason_of
from plateful.rendering.billing import Billing
from plateful.rendering.budgeted import Purse, not_paid, paid_in_full
from plateful.rendering.manifest import (
    LOG,
    Clock,
    Rendered,
    Row,
    candidate_png,
    quarantined_row,
    read_candidate,
)
from plateful.rendering.plan import plan_tasks
from plateful.rendering.renderer import Renderer
from plateful.rendering.requests import request_row
from plateful.rendering.task import RenderTask
from plateful.stores import objects
from plateful.stores.lake import Lake
from plateful.tables import GENERATED_CANDIDATES, INPAINTING_MASKS, PROMPTS
from plateful.vision.image_io import encode_png, open_image

PARTITION = "trial"
# Columns of a request; the rest of the unified protocol travels as its parameters.
_COLUMNS = ("prompt", "negative_prompt", "init_image", "mask", "application")
_REPAINTED = "no mask came: all of the init image is repainted"


@dataclass(frozen=True)
class Picture:
    """One candidate: `rendered` now, `found` in the folder, or `failed` with its reason.

    `cost` is what was charged for it now, in micro-USD.
    """

    candidate_id: str
    seed: int
    status: str
    seconds: float
    cost: int = 0
    path: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Inputs:
    """Pictures by the sha256 of their PNG, which is what tasks name; `whole` = no mask came.

    Attributes:
        photos: sha256 -> init image and reference image, uint8 RGB (H, W, 3).
    """

    init: str | None = None
    mask: str | None = None
    reference: str | None = None
    whole: bool = False
    photos: Mapping[str, np.ndarray] = field(default_factory=dict)
    masks: Mapping[str, np.ndarray] = field(default_factory=dict)


def open_inputs(init: bytes | None, mask: bytes | None, reference: bytes | None = None) -> Inputs:
    """Open the picture to edit with its mask, and the one to resemble; no mask covers the whole picture.

    Raises:
        ConfigError: a mask without its picture, or of another size.
        ImageError: a file cannot be opened safely.
    """
    photos: dict[str, np.ndarray] = {}
    masks: dict[str, np.ndarray] = {}
    resembled = None if reference is None else _kept(open_image(reference), photos)
    if init is None:
        if mask is not None:
            raise ConfigError("a mask came without an init image", fix="give the picture that it is for")
        return Inputs(reference=resembled, photos=photos)
    photo = open_image(init)
    paint = np.full(photo.shape[:2], 255, np.uint8) if mask is None else open_image(mask)[..., 0]
    if paint.shape != photo.shape[:2]:
        raise ConfigError(
            f"the mask is {_size(paint)}, its picture {_size(photo)}", fix="give a mask of that size"
        )
    return Inputs(_kept(photo, photos), _kept(paint, masks), resembled, mask is None, photos, masks)


def _kept(array: np.ndarray, kept: dict[str, np.ndarray]) -> str:
    """Add a picture by the sha256 of its PNG; return that."""
    key = sha256_hex(encode_png(array))
    kept[key] = array
    return key


def _size(array: np.ndarray) -> str:
    height, width = array.shape[:2]
    return f"{width} x {height} px"


def plan_request(request: ImageRequest, version: ModelVersion, inputs: Inputs) -> list[RenderTask]:
    """Return one task per picture wanted, each with the whole receipt.

    Seeds are the one asked for and those that follow it; without one they follow from prompt and init image,
    the same for every model.

    Raises:
        ConfigError: a parameter has a value of the wrong type.
    """
    asked = request.asked()
    parameters = {name: value for name, value in asked.items() if name not in _COLUMNS}
    row = request_row(
        PARTITION,
        "request",
        content_hash([request.prompt, inputs.init]),
        prompt=request.prompt,
        negative_prompt=request.negative_prompt or "",
        parameters=parameters,
        application=request.application,
        photo_sha256=inputs.init,
        team=request.team,
    )
    masks = [_mask_row(inputs)] if inputs.init else []
    planned = plan_tasks(
        PROMPTS.frame([row]), INPAINTING_MASKS.frame(masks), version, candidates_per_request=request.n
    )
    tasks = [replace(task, receipt=_as_asked(task.receipt, asked, inputs)) for task in planned]
    return tasks[: tasks[0].receipt["n"]["effective"] or 1]


def check_strict(task: RenderTask) -> None:
    """Refuse a task whose receipt says that a parameter was changed.

    Raises:
        ConfigError: names each.
    """
    Translation(task.parameters, task.receipt).strict()


def render_request(
    tasks: Sequence[RenderTask],
    inputs: Inputs,
    open_renderer: Callable[[], Renderer],
    folder: Path,
    *,
    purse: Purse,
    lake: Lake,
    clock: Clock,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[Picture]:
    """Bring every task's file into `folder` and return what became of each, in order.

    Args:
        tasks: tasks of one model version.
        inputs: pictures that the tasks name.
        open_renderer: loads the model; not called when all files are there.
        folder: made when it is absent.
        purse: who pays what is rendered now.
        lake: keeps the rows of failures.
        clock: current time, aware UTC.
        on_progress: told (done, total).

    Raises:
        ImageError: a file of that name is not that candidate's.
        StoreError: the folder cannot be written.
        ModelError: the model cannot be loaded.
        BudgetError: the team cannot pay for all of it; what was rendered is kept.
    """
    done = {task.candidate_id: found for task in tasks if (found := _found(task, folder))}
    fresh = [task for task in tasks if task.candidate_id not in done]
    if fresh:
        with paid_in_full(tasks, len(fresh), purse=purse) as billing:
            renderer = open_renderer()
            for batch in renderer.batches(fresh):
                if billing.exhausted():
                    raise not_paid(batch[0], len(tasks) - len(done), purse)
                made = _batch(batch, inputs, renderer, folder, billing, lake, clock)
                done |= {picture.candidate_id: picture for picture in made}
                on_progress(len(done), len(tasks))
    return [done[task.candidate_id] for task in tasks]


def _batch(
    batch: list[RenderTask],
    inputs: Inputs,
    renderer: Renderer,
    folder: Path,
    billing: Billing,
    lake: Lake,
    clock: Clock,
) -> list[Picture]:
    started = clock()
    results = _render(batch, inputs, renderer)
    seconds = (clock() - started).total_seconds() / len(batch)
    rows: list[Row] = []
    files: dict[str, bytes] = {}
    for task, result in zip(batch, results, strict=True):
        bill = renderer.bill(task, result)
        cost = billing.cost(seconds, bill.images)
        how = Rendered(renderer.device, seconds, bill.at or clock(), PARTITION, cost)
        if isinstance(result, RenderError):
            rows.append(quarantined_row(task, reason_of(result), how))
        else:
            row, files[task.candidate_id] = candidate_png(task, result, how)
            rows.append(row)
    billing.charge(rows)
    failed = [row for row in rows if row["candidate_id"] not in files]
    if failed:
        lake.append_part(LOG, PARTITION, GENERATED_CANDIDATES.frame(failed))
    for key, png in files.items():
        objects.put_if_absent(UPath(folder / f"{key}.png"), png)
    return [_made(*each, folder) for each in zip(batch, results, rows, strict=True)]


def _made(task: RenderTask, result: np.ndarray | RenderError, row: Row, folder: Path) -> Picture:
    known = (task.candidate_id, task.seed)
    if isinstance(result, RenderError):
        return Picture(*known, "failed", row["seconds"], row["cost"], reason=result.message)
    return Picture(*known, "rendered", row["seconds"], row["cost"], str(_path(task, folder)))


def _render(batch: list[RenderTask], inputs: Inputs, renderer: Renderer) -> list[np.ndarray | RenderError]:
    try:
        return renderer.render(batch, inputs.photos, inputs.masks)
    except Exception as error:
        if stops_all(error):
            raise
        fault = RenderError(f"render_failed: {told(error)}", fix="ask for smaller or fewer pictures")
        return [fault] * len(batch)


def _found(task: RenderTask, folder: Path) -> Picture | None:
    path = _path(task, folder)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror}", fix="give another folder") from error
    row, _ = read_candidate(content, task, fix=f"delete {path}, or give another folder")
    return Picture(task.candidate_id, task.seed, "found", row["seconds"], path=str(path))


def _path(task: RenderTask, folder: Path) -> Path:
    return folder / f"{task.candidate_id}.png"


def _mask_row(inputs: Inputs) -> dict[str, Any]:
    area = 1.0 if inputs.whole else float(np.mean(inputs.masks[inputs.mask or ""] > 127))
    named = {"product_id": "request", "photo_sha256": inputs.init, "mask_sha256": inputs.mask}
    return {**named, "area": area, "status": "ok", "method": "given"}


def _as_asked(receipt: Mapping[str, Any], asked: Mapping[str, Any], inputs: Inputs) -> dict[str, Any]:
    """Return the receipt with what was derived instead of asked for told as such."""
    derived = {}
    if "seed" not in asked:
        derived["seed"] = "from prompt and init image, the same for every model"
    if inputs.whole:
        derived["mask"] = _REPAINTED
    lines = {
        name: {**receipt[name], "requested": None, "status": "default", "reason": reason}
        for name, reason in derived.items()
        if receipt[name]["status"] == "honoured"
    }
    unasked = set() if "application" in asked else {"application"}
    return {name: line for name, line in {**receipt, **lines}.items() if name not in unasked}
