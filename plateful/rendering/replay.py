"""Replay: render a stored candidate again from its manifest row and compare the pixels."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from plateful.errors import ModelError, RenderError, StoreError
from plateful.identity import id_from_prefix, sha256_hex
from plateful.rendering.manifest import known_candidates
from plateful.rendering.renderer import LocalRenderer
from plateful.rendering.task import RenderTask
from plateful.stores.lake import Lake
from plateful.vision.image_io import open_stored, pixel_sha256


@dataclass(frozen=True)
class ReplayResult:
    """Outcome of a replay; the shas are over RGB pixels. The same device kind promises the same pixels."""

    candidate_id: str
    identical: bool
    stored_sha: str
    replayed_sha: str
    device: str
    rendered_on: str


def replay(candidate_id: str, country: str, lake: Lake, renderer: LocalRenderer) -> ReplayResult:
    """Render a candidate again, with the threads that its manifest names, and compare the pixels.

    `candidate_id` may be the first eight digits or more.

    Raises:
        StoreError: no such candidate, or its stored file is not the one that was recorded.
        ModelError: the renderer is of another model version.
        RenderError: it cannot be rendered any more (for one, its photo is gone).
    """
    row = _row(candidate_id, country, lake)
    task = RenderTask.from_row(row)
    candidate_id = task.candidate_id
    if task.model_version != renderer.version.digest:
        raise ModelError(
            f"candidate {candidate_id} was rendered by version {task.model_version[:12]} of {task.model!r}, "
            f"the loaded one is {renderer.version.digest[:12]}",
            fix="restore the weights and the catalog entry of that version",
        )
    stored = _stored(row, lake)
    photos = {key: picture for each in task.photos for key, picture in _picture(lake, each).items()}
    masks = _picture(lake, task.mask_sha256)
    with renderer.like(row["device"]):
        device = renderer.device
        (result,) = renderer.render([task], photos, masks)
    if isinstance(result, RenderError):
        raise result
    before, after = pixel_sha256(open_stored(stored)), pixel_sha256(result)
    return ReplayResult(candidate_id, before == after, before, after, device, row["device"])


def verify_stored(candidate_id: str, country: str, lake: Lake) -> ReplayResult:
    """Compare a stored candidate with its manifest row: all that can be done for a hosted model's pictures.

    Raises:
        StoreError: no such candidate, or its stored file is not the one that was recorded.
    """
    row = _row(candidate_id, country, lake)
    pixels = pixel_sha256(open_stored(_stored(row, lake)))
    recorded, device = row["pixel_sha256"], row["device"]
    return ReplayResult(row["candidate_id"], pixels == recorded, recorded, pixels, device, device)


def _stored(row: dict, lake: Lake) -> bytes:
    candidate_id = row["candidate_id"]
    stored = lake.get_image(candidate_id)
    if sha256_hex(stored) != row["file_sha256"]:
        raise StoreError(
            f"the stored file of candidate {candidate_id} is not the one recorded in the manifest",
            fix=f"restore {lake.image_path(candidate_id)}, or delete it and run the country again",
        )
    return stored


def _row(candidate_id: str, country: str, lake: Lake) -> dict:
    rows = known_candidates(lake, country).filter(pl.col("status") == "ok")
    key = id_from_prefix(candidate_id, rows["candidate_id"], where=f"among the rendered ones of {country}")
    return rows.row(by_predicate=pl.col("candidate_id") == key, named=True)


def _picture(lake: Lake, key: str | None) -> dict[str, np.ndarray]:
    return {key: open_stored(lake.get_image(key))} if key else {}
