"""Planning: every wanted candidate once, the same ids every time, shards of one kind."""

import json
from collections import Counter

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from plateful.identity import seed_for
from plateful.rendering.plan import deferred_requests, pending_tasks, plan_shards, plan_tasks, replan
from plateful.rendering.settled import settled_requests
from plateful.rendering.task import RenderTask
from plateful.tables import GENERATED_CANDIDATES, INPAINTING_MASKS, PROMPTS, PUBLISHED_IMAGES
from tests.plateful.rendering.sample import COUNTRY, Painter, make_task, request

VERSION = Painter().version
NO_MASKS = INPAINTING_MASKS.empty()


def mask_row(photo: str, mask: str | None) -> dict:
    status = "ok" if mask else "no dish found"
    return {
        "product_id": "p", "photo_sha256": photo, "mask_sha256": mask, "area": 0.3, "status": status,
        "method": "m",
    }  # fmt: skip


def plan(
    requests: list[dict], n: int = 2, masks: list[dict] | None = None, **options: object
) -> list[RenderTask]:
    frame = INPAINTING_MASKS.frame(masks) if masks else NO_MASKS
    return plan_tasks(PROMPTS.frame(requests), frame, VERSION, candidates_per_request=n, **options)  # type: ignore[arg-type]


def test_a_request_gets_n_candidates_with_the_seeds_of_its_subject() -> None:
    tasks = plan([request("soup"), request("rice")])
    assert [(t.subject, t.attempt) for t in tasks] == [("soup", 0), ("soup", 1), ("rice", 0), ("rice", 1)]
    assert [t.seed for t in tasks[:2]] == [
        seed_for(COUNTRY, t.request_id, n) for n, t in enumerate(tasks[:2])
    ]
    assert len({t.candidate_id for t in tasks}) == 4


def test_a_request_without_a_prompt_gets_no_candidate() -> None:
    tasks = plan([request("soup", prompt=None, refused="not_in_record"), request("rice")])
    assert {task.subject for task in tasks} == {"rice"}


def test_a_new_generation_means_new_attempts() -> None:
    tasks = plan([request("soup"), request("rice")], generations={"soup": 2})
    assert [t.attempt for t in tasks] == [4, 5, 0, 1]


def test_one_changed_description_changes_exactly_its_own_candidates() -> None:
    before = {t.candidate_id for t in plan([request(str(n)) for n in range(20)])}
    changed = [request(str(n), **({"prompt": "other"} if n == 7 else {})) for n in range(20)]
    after = plan(changed)
    assert {t.subject for t in pending_tasks(after, before, ())} == {"7"}
    assert len(pending_tasks(after, before, ())) == 2


def test_inpaint_takes_photo_and_mask() -> None:
    (task,) = plan([request("soup", route="inpaint", photo_sha256="f")], 1, [mask_row("f", "a")])
    assert (task.route, task.init_sha256, task.mask_sha256) == ("inpaint", "f", "a")
    assert task.parameters["strength"] == 0.9
    assert task.receipt["route"]["status"] == "honoured"


def test_inpaint_without_a_mask_is_rendered_from_text_and_says_so() -> None:
    for masks, reason in (([mask_row("f", None)], "no dish found"), ([], "no mask row for this photo")):
        (task,) = plan([request("soup", route="inpaint", photo_sha256="f")], 1, masks)
        assert (task.route, task.init_sha256, task.mask_sha256) == ("text_to_image", None, None)
        assert task.receipt["route"] == {
            "requested": "inpaint", "effective": "text_to_image", "status": "emulated", "reason": reason,
        }  # fmt: skip


def test_the_last_of_several_candidates_of_a_photo_can_be_from_text() -> None:
    photo, text = request("soup", route="inpaint", photo_sha256="f"), request("tea")
    routes = {
        n: [t.route for t in plan([photo], n, [mask_row("f", "a")], text_in_reserve=True)] for n in (1, 2, 3)
    }
    assert routes == {
        1: ["inpaint"], 2: ["inpaint", "text_to_image"], 3: ["inpaint", "inpaint", "text_to_image"],
    }  # fmt: skip

    options = {"generations": {"soup": 1}, "text_in_reserve": True}
    again = plan([photo, text], 2, [mask_row("f", "a")], **options)
    assert [(t.attempt, t.route) for t in again[:2]] == [(2, "inpaint"), (3, "text_to_image")]
    reserve = again[1]
    assert (reserve.init_sha256, reserve.mask_sha256) == (None, None)
    assert "strength" not in reserve.parameters
    assert reserve.receipt["route"] == {
        "requested": "inpaint", "effective": "text_to_image", "status": "emulated",
        "reason": "the last candidate is from text, in case no repainting passes",
    }  # fmt: skip
    # A request for text alone has nothing to keep in reserve, nor one whose photo shows no dish.
    assert {t.receipt["route"]["status"] for t in again[2:]} == {"honoured"}
    without = plan([photo], 2, [mask_row("f", None)], text_in_reserve=True)
    assert {t.receipt["route"]["reason"] for t in without} == {"no dish found"}


def test_the_receipt_covers_every_requested_parameter() -> None:
    asked = {"size": 1024, "steps": 20, "style": "comic", "cfg_scale": None}
    (task,) = plan([request("soup", parameters=json.dumps(asked))], 1)
    assert task.receipt["size"]["status"] == "clamped"
    assert task.receipt["steps"]["status"] == "honoured"
    assert task.receipt["style"]["status"] == "emulated"
    assert task.prompt == "a bowl of soup, comic"
    assert {"prompt", "negative_prompt", "seed", "application"} <= task.receipt.keys()
    assert task.parameters == {"size": 128, "steps": 20, "cfg_scale": 3.0}


def test_pending_leaves_out_known_candidates_and_settled_requests() -> None:
    tasks = plan([request("soup"), request("rice"), request("tea")])
    left = pending_tasks(tasks, {tasks[0].candidate_id}, {"request-rice"})
    assert [(t.subject, t.attempt) for t in left] == [("soup", 1), ("tea", 0), ("tea", 1)]


def test_a_lost_picture_is_rendered_again_though_its_request_is_settled() -> None:
    tasks = plan([request("soup"), request("rice")])
    settled = {"request-soup", "request-rice"}
    assert pending_tasks(tasks, {t.candidate_id for t in tasks[1:]}, settled, {tasks[0].candidate_id}) == [
        tasks[0]
    ]


def test_a_shard_is_of_one_team() -> None:
    tasks = plan([request("soup"), request("rice", team="meat"), request("tea")])
    shards = [[(t.subject, t.team) for t in shard] for shard in plan_shards(tasks, 100)]
    assert shards == [
        [("soup", "default"), ("soup", "default"), ("tea", "default"), ("tea", "default")],
        [("rice", "meat"), ("rice", "meat")],
    ]


def test_what_is_left_is_planned_again_for_the_same_attempts() -> None:
    tasks, others = plan([request("soup"), request("rice")]), plan([request("soup"), request("tea")], 3)
    assert replan(tasks[1:], others) == [others[1]]


def test_deferred_requests_are_named_once_with_their_team_and_reason() -> None:
    tasks = plan([request("soup"), request("rice", team="meat"), request("tea")])
    frame = deferred_requests(tasks, [{"request-rice": "no money"}, {}, {"request-gone": "no money"}])
    assert frame.rows() == [("request-rice", "rice", "meat", "no money")]
    assert deferred_requests(tasks, []).is_empty()


def test_a_request_is_settled_only_while_it_has_a_candidate() -> None:
    tasks = plan([request("soup"), request("rice")])
    rows = [{**dict.fromkeys(GENERATED_CANDIDATES.columns), **t.identity_row()} for t in tasks[:2]]
    decided = pl.DataFrame({"request_id": ["request-soup", "request-rice"], "status": "approved"})
    known = GENERATED_CANDIDATES.frame(rows)
    assert settled_requests(tasks, known, decided, PUBLISHED_IMAGES.empty(), {}) == {"request-soup"}


SIZES = st.sampled_from([64, 128])
ROUTES = st.sampled_from(["text_to_image", "inpaint"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(SIZES, ROUTES), max_size=60), st.integers(1, 17), st.data())
def test_no_task_is_lost_and_none_comes_twice(
    kinds: list[tuple[int, str]], size: int, data: st.DataObject
) -> None:
    tasks = [
        make_task(VERSION, str(n), parameters={"size": pixels, "steps": 4, "cfg_scale": 4.0}, route=route)
        for n, (pixels, route) in enumerate(kinds)
    ]
    known = {t.candidate_id for t in tasks if data.draw(st.booleans())}
    settled = {t.request_id for t in tasks if data.draw(st.booleans())}
    pending = pending_tasks(tasks, known, settled)
    shards = plan_shards(pending, size)

    planned = Counter(t.candidate_id for shard in shards for t in shard)
    wanted = {t.candidate_id for t in tasks if t.candidate_id not in known and t.request_id not in settled}
    assert planned == Counter(wanted)
    for shard in shards:
        assert 1 <= len(shard) <= size
        assert len({(t.model_version, t.route, t.parameters["size"]) for t in shard}) == 1
    buckets = {(t.route, t.parameters["size"]): 0 for t in pending}
    for shard in shards:
        buckets[shard[0].route, shard[0].parameters["size"]] += len(shard) < size
    assert all(short <= 1 for short in buckets.values())


@given(st.text(max_size=30), st.integers(0, 50))
def test_a_task_survives_json_and_its_manifest_row(subject: str, attempt: int) -> None:
    task = make_task(VERSION, subject, attempt, expected_text="50% off", rubric='[{"question": "x"}]')
    assert RenderTask.from_json(task.to_json()) == task
    row = {**dict.fromkeys(GENERATED_CANDIDATES.columns), **task.identity_row(), "status": "ok"}
    (stored,) = GENERATED_CANDIDATES.frame([row]).iter_rows(named=True)
    again = RenderTask.from_row(stored)
    assert again.identity_row() == task.identity_row()
    assert again.parameters == task.parameters
