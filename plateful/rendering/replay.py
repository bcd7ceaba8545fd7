"""Replay: render a stored candidate again from its manifest row and compare the pixels.

A hosted model does not give the same pixels twice; of its pictures the stored file is verified instead.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from plateful.errors import ModelError, RenderError, StoreError
from plateful.identity import id_from_prefix, sha256_hex
from plateful.models.catalog import CatalogEntry, served_names
from plateful.models.versions import ModelVersion, model_version
from plateful.rendering.manifest import known_candidates
from plateful.rendering.task import RenderTask
from plateful.stores.lake import Lake
from plateful.vision.image_io import open_stored, pixel_sha256

if TYPE_CHECKING:
    # Torch is loaded by what opens the renderer.
    from plateful.rendering.local_renderer import LocalRenderer


@dataclass(frozen=True)
class ReplayResult:
    """Outcome of a replay; the shas are over RGB pixels. The same device kind promises the same pixels.

    `hosted` means that nothing was rendered: the stored pixels were compared with the recorded ones.
    """

    candidate_id: str
    identical: bool
    stored_sha: str
    replayed_sha: str
    device: str
    rendered_on: str
    hosted: bool = False


def replay_or_verify(
    candidate_id: str,
    country: str,
    lake: Lake,
    *,
    catalog: Mapping[str, CatalogEntry],
    weights: Path,
    open_renderer: "Callable[[ModelVersion], LocalRenderer]",
) -> ReplayResult:
    """Replay a candidate with the model that it names, whatever its status is now, or verify a hosted one.

    Args:
        candidate_id: or its first eight digits or more.
        country: partition of the manifest.
        lake: holds manifest and pictures.
        catalog: id -> entry.
        weights: folder of the weights.
        open_renderer: loads a model version; not called for a hosted model.

    Raises:
        ModelError: its model is not in the catalog, or its weights are absent, altered or another version.
        StoreError, RenderError: see `replay`.
    """
    row = _row(candidate_id, country, lake)
    names = served_names(dict(catalog))
    if row["model"] not in names:
        raise ModelError(
            f"candidate {row['candidate_id']} was rendered by model {row['model']!r}, "
            "which is not in the catalog",
            fix="restore its entry, or point PLATEFUL_CATALOG at the catalog that has it",
        )
    entry, profile = names[row["model"]]
    if entry.endpoint is not None:
        return verify_stored(row["candidate_id"], country, lake)
    version = model_version(entry, weights, entry.profiles[profile])
    _check_version(row, version)
    return replay(row["candidate_id"], country, lake, open_renderer(version))


def replay(candidate_id: str, country: str, lake: Lake, renderer: "LocalRenderer") -> ReplayResult:
    """Render a candidate again, with the threads that its manifest names, and compare the pixels.

    `candidate_id` may be the first eight digits or more.

    Raises:
        StoreError: no such candidate, or its stored file is not the one that was recorded.
        ModelError: the renderer is of another model version.
        RenderError: it cannot be rendered any more (for one, its photo is gone).
    """
    row = _row(candidate_id, country, lake)
    _check_version(row, renderer.version)
    task = RenderTask.from_row(row)
    candidate_id = task.candidate_id
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
    return ReplayResult(
        row["candidate_id"], pixels == recorded, recorded, pixels, device, device, hosted=True
    )


def _check_version(row: dict, version: ModelVersion) -> None:
    if row["model_version"] != version.digest:
        raise ModelError(
            f"candidate {row['candidate_id']} was rendered by version {row['model_version'][:12]} of "
            f"{row['model']!r}, the one here is {version.digest[:12]}",
            fix="restore the weights and the catalog entry of that version",
        )


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
