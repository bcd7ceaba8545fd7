"""Plan what to render: render requests -> tasks -> shards. Pure functions over frames.

A task's identity follows from its request, model version and attempt, so planning twice gives the same
candidate ids, and everything already in the manifest drops out.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import polars as pl

from plateful.identity import candidate_id, seed_for
from plateful.metrics.meter import METER
from plateful.models.parameters import translate
from plateful.models.versions import ModelVersion
from plateful.rendering.inpainting import COMPOSITE
from plateful.rendering.task import RenderTask
from plateful.tables import DEFERRED_REQUESTS

# Columns of their own, and how many candidates there are; every other effective parameter is in `parameters`.
_OWN_FIELDS = ("prompt", "negative_prompt", "seed", "init_image", "mask", "reference_image", "n")
# What takes the mask's place for the candidate that is rendered from text whatever the photo shows.
_IN_RESERVE = {"mask_sha256": None, "status": "the last candidate is from text, in case no repainting passes"}


def plan_tasks(
    prompts: pl.DataFrame,
    masks: pl.DataFrame,
    version: ModelVersion,
    *,
    candidates_per_request: int,
    generations: Mapping[str, int] | None = None,
    text_in_reserve: bool = False,
) -> list[RenderTask]:
    """Return every wanted candidate of every request, in the order of `prompts`.

    A request of generation g (how often a person asked for new pictures of its subject) gets the attempts
    g*n .. g*n+n-1. A request without a prompt gets none. An inpaint request whose photo has no mask is
    rendered from text; its receipt says so.

    Args:
        prompts: PROMPTS frame.
        masks: INPAINTING_MASKS frame.
        version: model version to render with.
        candidates_per_request: n, at least 1.
        generations: subject -> generation; absent subjects are generation 0.
        text_in_reserve: render the last of several candidates of a repainted photo from text. What is wrong
            outside the mask, a dish at the edge or blur all over, stays, and every repainting is refused.
    """
    first_attempt = first_attempts(generations or {}, candidates_per_request)
    usable = {row["photo_sha256"]: row for row in masks.iter_rows(named=True)}
    tasks: dict[str, RenderTask] = {}
    writable = prompts.filter(pl.col("prompt").is_not_null())
    with METER.timed("plan", writable.height * candidates_per_request):
        for request in writable.iter_rows(named=True):
            first = first_attempt.get(request["subject"], 0)
            mask = usable.get(request["photo_sha256"])
            masks_of = [mask] * candidates_per_request
            if text_in_reserve and candidates_per_request > 1 and mask and mask["mask_sha256"]:
                masks_of[-1] = _IN_RESERVE
            for attempt, mask_of in enumerate(masks_of, first):
                task = _task(request, mask_of, version, attempt)
                tasks.setdefault(task.candidate_id, task)
    return list(tasks.values())


def first_attempts(generations: Mapping[str, int], candidates_per_request: int) -> dict[str, int]:
    """Return subject -> first attempt of its newest generation; absent subjects start at 0."""
    return {subject: generation * candidates_per_request for subject, generation in generations.items()}


def pending_tasks(
    tasks: Sequence[RenderTask],
    known: Collection[str],
    settled: Collection[str],
    lost: Collection[str] = (),
) -> list[RenderTask]:
    """Return the tasks still to render: not known, and either lost or of a request that is not settled.

    Args:
        tasks: all wanted candidates.
        known: candidate ids that need no render.
        settled: request ids that need no new candidates.
        lost: candidate ids that were rendered and have no picture any more.
    """
    return [
        task
        for task in tasks
        if task.candidate_id not in known and (task.candidate_id in lost or task.request_id not in settled)
    ]


def plan_shards(tasks: Sequence[RenderTask], shard_size: int) -> list[list[RenderTask]]:
    """Split tasks into shards of at most `shard_size`, each of one team, model version, route and size."""
    buckets: dict[tuple, list[RenderTask]] = {}
    for task in tasks:
        kind = (task.team, task.model_version, task.route, task.parameters["size"])
        buckets.setdefault(kind, []).append(task)
    return [
        bucket[start : start + shard_size]
        for bucket in buckets.values()
        for start in range(0, len(bucket), shard_size)
    ]


def replan(left: Sequence[RenderTask], planned: Sequence[RenderTask]) -> list[RenderTask]:
    """Return those of the tasks planned for another model that stand for the same requests and attempts."""
    wanted = {(task.request_id, task.attempt) for task in left}
    return [task for task in planned if (task.request_id, task.attempt) in wanted]


def deferred_requests(tasks: Sequence[RenderTask], why: Sequence[Mapping[str, str]]) -> pl.DataFrame:
    """Return DEFERRED_REQUESTS: the planned requests that any shard's request id -> detail names."""
    details = {request: detail for shard in why for request, detail in shard.items()}
    rows = {
        task.request_id: {
            "request_id": task.request_id,
            "subject": task.subject,
            "team": task.team,
            "detail": details[task.request_id],
        }
        for task in tasks
        if task.request_id in details
    }
    return DEFERRED_REQUESTS.frame(list(rows.values()))


def _task(
    request: Mapping[str, Any], mask: Mapping[str, Any] | None, version: ModelVersion, attempt: int
) -> RenderTask:
    # Also the seed of a model that takes none: it tells the attempts of one request apart.
    asked = json.loads(request["parameters"])
    own = asked.get("seed")
    seed = seed_for(request["country"], request["request_id"], attempt) if own is None else own + attempt
    done = translate(_asked(request, mask, asked, seed), version.entry, version.profile.name)
    init, mask_sha = done.effective.get("init_image"), done.effective.get("mask")
    reference = done.effective.get("reference_image")
    inpaint = init is not None and mask_sha is not None
    receipt = done.receipt | {"route": _route_line(request["route"], inpaint, mask)}
    parameters = {name: value for name, value in done.effective.items() if name not in _OWN_FIELDS}
    prompt, negative = done.effective["prompt"], done.effective.get("negative_prompt", "")
    identity = candidate_id(
        model_digest=version.digest,
        adapter_digests=(),
        prompt=prompt,
        negative_prompt=negative,
        parameters=parameters,
        seed=seed,
        init_image=init,
        # How the painting is put back decides pixels as the mask does.
        mask=mask_sha and f"{mask_sha}/{COMPOSITE}",
        reference_image=reference,
    )
    return RenderTask(
        candidate_id=identity,
        request_id=request["request_id"],
        country=request["country"],
        subject=request["subject"],
        attempt=attempt,
        seed=seed,
        model=version.model,
        model_version=version.digest,
        prompt=prompt,
        negative_prompt=negative,
        parameters=parameters,
        receipt=receipt,
        route="inpaint" if inpaint else "text_to_image",
        init_sha256=init,
        mask_sha256=mask_sha,
        reference_sha256=reference,
        expected_text=request["expected_text"],
        rubric=request["rubric"],
        team=request["team"],
        application=request["application"],
    )


def _asked(
    request: Mapping[str, Any], mask: Mapping[str, Any] | None, parameters: Mapping[str, Any], seed: int
) -> dict[str, Any]:
    """Return the request in the unified protocol."""
    photo = (
        request["photo_sha256"] if request["route"] == "inpaint" and mask and mask["mask_sha256"] else None
    )
    return {
        **parameters,
        "prompt": request["prompt"],
        "negative_prompt": request["negative_prompt"] or None,
        "seed": seed,
        "init_image": photo,
        "mask": mask["mask_sha256"] if photo and mask else None,
        "application": request["application"],
    }


def _route_line(asked: str, inpaint: bool, mask: Mapping[str, Any] | None) -> dict[str, Any]:
    effective = "inpaint" if inpaint else "text_to_image"
    if asked == effective:
        return {"requested": asked, "effective": effective, "status": "honoured"}
    reason = mask["status"] if mask else "no mask row for this photo"
    if mask and mask["mask_sha256"]:
        reason = "the model takes no masks"
    return {"requested": asked, "effective": effective, "status": "emulated", "reason": reason}
