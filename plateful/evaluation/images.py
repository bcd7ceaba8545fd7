"""Eval items -> one picture each of a model version, through the same shard loop as the feed's pictures."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import polars as pl

from plateful.evaluation.items import EvalItem
from plateful.identity import content_hash, request_id
from plateful.models.catalog import ModelVersion
from plateful.rendering.manifest import Clock, known_candidates
from plateful.rendering.pictures import load_arrays
from plateful.rendering.plan import plan_tasks
from plateful.rendering.renderer import Renderer
from plateful.rendering.shard import render_shard
from plateful.rendering.task import RenderTask
from plateful.stores.lake import Lake
from plateful.tables import DEFAULT_TEAM, EVAL_IMAGES, INPAINTING_MASKS, PROMPTS

# Partition of the manifest that eval pictures share; no country has four letters.
PARTITION = "eval"
# A failed eval item is tried once more alone; it then counts against the model.
ATTEMPTS = 1


def render_eval(
    items: Sequence[EvalItem],
    renderer: Renderer,
    lake: Lake,
    *,
    clock: Clock,
    run_id: str,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> pl.DataFrame:
    """Render what is not in the lake yet -> EVAL_IMAGES, in the order of `items`.

    Seeds come from the item ids, so every model version is asked with equal seeds. Pictures are found again
    by candidate id: a second call renders nothing, a killed one repeats at most one batch.

    Args:
        items: items of one eval set.
        renderer: model version to measure.
        lake: keeps pictures and their manifest, under the partition `eval`.
        clock: current time, aware UTC.
        run_id: run recorded in the manifest.
        on_progress: told (done, total).

    Raises:
        StoreError: the lake refused a write.
    """
    tasks = plan_eval(items, renderer.version)
    render_shard(
        tasks,
        renderer=renderer,
        lake=lake,
        country=PARTITION,
        score=lambda _tasks, _arrays: None,
        clock=clock,
        run_id=run_id,
        on_progress=on_progress,
        max_attempts=ATTEMPTS,
        note_failure=lambda *_: ATTEMPTS,
        note_success=lambda *_: None,
    )
    rows = {row["candidate_id"]: row for row in known_candidates(lake, PARTITION).iter_rows(named=True)}
    return EVAL_IMAGES.frame(
        [_row(item, rows[task.candidate_id]) for item, task in zip(items, tasks, strict=True)]
    )


def plan_eval(items: Sequence[EvalItem], version: ModelVersion) -> list[RenderTask]:
    """Return one render task per item, in order."""
    prompts = PROMPTS.frame([_request(item) for item in items])
    return plan_tasks(prompts, INPAINTING_MASKS.empty(), version, candidates_per_request=1)


def eval_arrays(lake: Lake, images: pl.DataFrame) -> dict[str, np.ndarray]:
    """Return candidate id -> picture (uint8 RGB) of every eval image that was rendered.

    Raises:
        StoreError: a picture is not in the lake.
    """
    ids = images.filter(pl.col("status") == "ok")["candidate_id"].to_list()
    return dict(zip(ids, load_arrays(lake, ids), strict=True))


def _request(item: EvalItem) -> dict:
    record = content_hash(item.prompt)
    return {
        "request_id": request_id(PARTITION, item.item_id, PARTITION, record),
        "country": PARTITION,
        "subject": item.item_id,
        "product_ids": [],
        "application": PARTITION,
        "template": PARTITION,
        "prompt": item.prompt,
        "negative_prompt": "",
        "parameters": "{}",
        "contract": "[]",
        "rubric": item.rubric,
        "expected_text": None,
        "route": "text_to_image",
        "photo_sha256": None,
        "record_hash": record,
        # Named only: eval pictures are nobody's, and are not charged.
        "team": DEFAULT_TEAM,
    }


def _row(item: EvalItem, candidate: Mapping) -> dict:
    kept = ("candidate_id", "seed", "file_sha256", "pixel_sha256", "status", "reason")
    return {
        "item_id": item.item_id,
        "stratum": item.stratum,
        "background": item.background,
        "prompt": item.prompt,
        **{name: candidate[name] for name in kept},
    }
