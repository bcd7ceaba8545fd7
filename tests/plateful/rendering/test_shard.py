"""The shard loop: killed anywhere and run again, nothing is missing, at most two batches rendered twice."""

import errno
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from plateful.errors import FencedError, ModelError, StoreError
from plateful.identity import sha256_hex
from plateful.rendering import manifest
from plateful.rendering.diffusers_renderer import DiffusersRenderer
from plateful.rendering.manifest import known_candidates
from plateful.rendering.shard import ShardReport, render_shard
from plateful.rendering.task import RenderTask
from plateful.stores.lake import Lake
from plateful.vision.image_io import encode_png, open_image, pixel_sha256
from tests.plateful.rendering.sample import COUNTRY, Clock, Ledger, Painter, make_task

BATCH = 4
# One batch is being stored while the next is being rendered.
REPEATED = 2 * BATCH


class Killed(BaseException):
    """Stands for kill -9: nothing of ours may catch it."""


class Fuse:
    """Kills at the n-th touch; 0 never does."""

    def __init__(self, at: int = 0) -> None:
        self.at, self.touched = at, 0

    def touch(self) -> None:
        self.touched += 1
        if self.touched == self.at:
            raise Killed


class FusedLake(Lake):
    """Touches a fuse before and after every write."""

    def __init__(self, root: str, fuse: Fuse) -> None:
        super().__init__(root)
        self.fuse = fuse

    def put_image(self, key: str, png: bytes) -> bool:
        self.fuse.touch()
        written = super().put_image(key, png)
        self.fuse.touch()
        return written

    def append_part(self, *args: Any) -> None:
        self.fuse.touch()
        super().append_part(*args)
        self.fuse.touch()


class Scores:
    """Collects what was scored, touching a fuse before and after."""

    def __init__(self, fuse: Fuse | None = None) -> None:
        self.seen: dict[str, np.ndarray] = {}
        self.fuse = fuse or Fuse()

    def __call__(self, tasks: Sequence[RenderTask], pictures: Sequence[np.ndarray]) -> None:
        self.fuse.touch()
        self.seen.update(zip((t.candidate_id for t in tasks), pictures, strict=True))
        self.fuse.touch()


def run(lake: Lake, tasks: Sequence[RenderTask], painter: Any, **options: Any) -> ShardReport:
    defaults = {
        "renderer": painter, "lake": lake, "country": COUNTRY, "score": Scores(), "clock": Clock(),
        "run_id": "run", "on_progress": lambda _done, _total: None, "max_attempts": 3,
        "note_failure": Ledger().note, "note_success": Ledger().forget,
    }  # fmt: skip
    return render_shard(tasks, **{**defaults, **options})


def noted(ledger: Ledger) -> dict[str, Any]:
    return {"note_failure": ledger.note, "note_success": ledger.forget}


def some_tasks(painter: Painter, count: int = 10) -> list[RenderTask]:
    return [make_task(painter.version, str(n)) for n in range(count)]


def assert_complete(lake: Lake, tasks: Sequence[RenderTask]) -> None:
    rows = known_candidates(lake, COUNTRY)
    assert sorted(rows["candidate_id"]) == sorted(t.candidate_id for t in tasks)
    assert set(rows["status"]) == {"ok"}
    for row in rows.iter_rows(named=True):
        png = lake.get_image(row["candidate_id"])
        assert row["file_sha256"] == sha256_hex(png)
        assert row["pixel_sha256"] == pixel_sha256(open_image(png))


def test_a_whole_run_and_an_unchanged_second_one(lake: Lake) -> None:
    painter, scores, seen = Painter(), Scores(), []
    tasks = some_tasks(painter)
    report = run(lake, tasks, painter, score=scores, on_progress=lambda *at: seen.append(at))
    assert (report.rendered, report.recovered, report.quarantined) == (10, 0, 0)
    assert report.seconds > 0
    assert seen == [(0, 10), (4, 10), (8, 10), (10, 10)]
    assert scores.seen.keys() == {t.candidate_id for t in tasks}
    assert_complete(lake, tasks)
    again = run(lake, tasks, painter)
    assert (again.rendered, again.recovered, again.quarantined) == (0, 0, 0)
    assert len(painter.painted) == 10


@pytest.mark.parametrize("device", ["cpu, 2 threads", "NVIDIA H100"])
def test_killed_at_every_write_and_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    monkeypatch.setattr(manifest, "PART_ROWS", 6)
    monkeypatch.setattr(Painter, "device", device)
    tasks = some_tasks(Painter())
    whole = Fuse()
    run(FusedLake(str(tmp_path / "whole"), whole), tasks, Painter(), score=Scores(whole))
    assert whole.touched >= 2 * (10 + 2 + 2)
    for at in range(1, whole.touched + 1):
        painter, fuse, scores = Painter(), Fuse(at), Scores()
        scores.fuse = fuse
        lake = FusedLake(str(tmp_path / str(at)), fuse)
        with pytest.raises(Killed):
            run(lake, tasks, painter, score=scores)
        report = run(lake, tasks, painter, score=scores)
        assert_complete(lake, tasks)
        assert len(painter.painted) <= len(tasks) + REPEATED
        assert report.rendered + report.recovered <= len(tasks)
        assert scores.seen.keys() == {t.candidate_id for t in tasks}


def test_killed_many_times_in_a_row(tmp_path: Path) -> None:
    painter, tasks, lives = Painter(), some_tasks(Painter(), 12), 0
    while True:
        lives += 1
        try:
            run(FusedLake(str(tmp_path / "lake"), Fuse(5)), tasks, painter)
            break
        except Killed:
            assert lives < 20
    assert_complete(Lake(str(tmp_path / "lake")), tasks)
    assert len(painter.painted) <= len(tasks) + lives * REPEATED


def test_a_recovered_picture_gets_the_row_it_had(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    painter = Painter()
    (task,) = some_tasks(painter, 1)
    clock, rows = Clock(), []
    monkeypatch.setattr(lake, "append_part", lambda _log, _country, frame: rows.append(frame))
    run(lake, [task], painter, clock=clock, run_id="first")
    run(lake, [task], painter, clock=clock, run_id="second")
    assert rows[0].equals(rows[1])
    assert len(painter.painted) == 1


def test_parts_are_written_by_rows_and_by_age(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    parts: list[int] = []
    append = lake.append_part
    monkeypatch.setattr(lake, "append_part", lambda *a: (parts.append(a[2].height), append(*a)))
    monkeypatch.setattr(manifest, "PART_ROWS", 8)
    run(lake, some_tasks(Painter(), 20), Painter())
    assert parts == [8, 8, 4]
    parts.clear()
    monkeypatch.setattr(manifest, "PART_ROWS", 1000)
    tasks = [make_task(Painter().version, f"other {n}") for n in range(120)]
    run(lake, tasks, Painter())
    assert len(parts) > 1
    assert sum(parts) == 120


def test_a_transient_failure_is_tried_again_alone(lake: Lake) -> None:
    painter, ledger = Painter(cannot={"3": 2}), Ledger()
    tasks = some_tasks(painter)
    report = run(lake, tasks, painter, **noted(ledger))
    assert (report.rendered, report.quarantined) == (10, 0)
    assert ledger.reasons == ["not_finite: nan -> none"]
    assert ledger.attempts == {}, "what was rendered in the end starts again at nought"
    assert_complete(lake, tasks)
    seconds = dict(known_candidates(lake, COUNTRY).select("subject", "seconds").iter_rows())
    assert seconds.pop("3") > max(seconds.values()), "its own retries, and nobody else's"


def test_a_crash_of_a_batch_costs_its_neighbours_nothing(lake: Lake) -> None:
    painter, ledger = Painter(crashes={"3": 1000}), Ledger()
    tasks = some_tasks(painter)
    report = run(lake, tasks, painter, **noted(ledger))
    assert (report.rendered, report.quarantined) == (9, 1)
    assert ledger.attempts == {"request-3": 3}
    assert "RuntimeError: CUDA out of memory." in ledger.reasons[0]
    assert "Tried" not in ledger.reasons[0]
    rows = known_candidates(lake, COUNTRY)
    assert rows.filter(rows["status"] == "quarantined")["reason"].to_list() == ["render_failed"]


def test_a_crash_that_passes_is_forgotten(lake: Lake) -> None:
    painter, ledger = Painter(crashes={"3": 3}), Ledger()
    tasks = some_tasks(painter)
    assert run(lake, tasks, painter, **noted(ledger)).quarantined == 0
    assert (len(ledger.reasons), ledger.attempts) == (2, {})
    assert_complete(lake, tasks)


def test_a_sibling_that_recovers_frees_no_quarantined_request(lake: Lake) -> None:
    painter, ledger = Painter(cannot={"bad": 4, "shaky": 1}), Ledger()
    tasks = [make_task(painter.version, subject, request_id="r") for subject in ("bad", "shaky")]
    run(lake, tasks, painter, **noted(ledger))
    assert ledger.attempts == {"r": 3}


class PickyScores(Scores):
    """Cannot score one subject, alone or among others, so many times."""

    def __init__(self, subject: str, times: int) -> None:
        super().__init__()
        self.subject, self.times = subject, times

    def __call__(self, tasks: Sequence[RenderTask], pictures: Sequence[np.ndarray]) -> None:
        if self.times and any(task.subject == self.subject for task in tasks):
            self.times -= 1
            raise cv2.error("!dsize.empty()")
        super().__call__(tasks, pictures)


def test_a_picture_that_no_scorer_takes_is_quarantined_alone(lake: Lake) -> None:
    painter, ledger, scores = Painter(), Ledger(), PickyScores("3", 1000)
    tasks = some_tasks(painter)
    report = run(lake, tasks, painter, score=scores, **noted(ledger))
    assert (report.rendered, report.quarantined) == (10, 1)
    assert (ledger.attempts, ledger.stages) == ({"request-3": 3}, {"score"})
    assert "!dsize.empty()" in ledger.reasons[0]
    assert scores.seen.keys() == {t.candidate_id for t in tasks} - {tasks[3].candidate_id}
    rows = known_candidates(lake, COUNTRY)
    (row,) = rows.filter(rows["status"] == "quarantined").iter_rows(named=True)
    assert (row["candidate_id"], row["reason"]) == (tasks[3].candidate_id, "not_scored")
    # Freed, it is scored again and not rendered again.
    again = run(lake, [tasks[3]], painter, score=scores_now(scores))
    assert (again.rendered, again.recovered) == (0, 1)
    assert_complete(lake, tasks)


def scores_now(scores: PickyScores) -> PickyScores:
    scores.times = 0
    return scores


def test_scoring_that_fails_once_loses_nothing(lake: Lake) -> None:
    painter, ledger, scores = Painter(), Ledger(), PickyScores("3", 3)
    tasks = some_tasks(painter)
    assert run(lake, tasks, painter, score=scores, **noted(ledger)).quarantined == 0
    assert (len(ledger.reasons), ledger.attempts) == (2, {})
    assert_complete(lake, tasks)


@pytest.mark.parametrize("where", ["render", "score"])
@pytest.mark.parametrize(
    "error",
    [
        FencedError("lease lost", fix="none"),
        ModelError("other weights", fix="none"),
        OSError(errno.ENOSPC, "disk full"),
        KeyboardInterrupt(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_no_other_item_would_survive_is_no_items_fault(
    lake: Lake, where: str, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: Any) -> Any:
        raise error

    painter, ledger = Painter(), Ledger()
    if where == "render":
        monkeypatch.setattr(painter, "render", failing)
    score = failing if where == "score" else Scores()
    with pytest.raises(type(error)):
        run(lake, some_tasks(painter), painter, score=score, **noted(ledger))
    assert ledger.reasons == []
    assert known_candidates(lake, COUNTRY).is_empty()


def test_a_poison_task_is_quarantined_and_stops_nothing(lake: Lake) -> None:
    painter, ledger, scores = Painter(cannot={"3": 1000}), Ledger(), Scores()
    tasks = some_tasks(painter)
    report = run(lake, tasks, painter, score=scores, **noted(ledger))
    assert (report.rendered, report.quarantined) == (9, 1)
    assert ledger.attempts == {"request-3": 3}
    rows = known_candidates(lake, COUNTRY)
    (row,) = rows.filter(rows["status"] == "quarantined").iter_rows(named=True)
    assert (row["subject"], row["reason"], row["pixel_sha256"]) == ("3", "not_finite", None)
    assert tasks[3].candidate_id not in scores.seen
    assert not lake.has_image(tasks[3].candidate_id)


def test_a_freed_quarantined_task_can_be_rendered_later(lake: Lake) -> None:
    tasks = some_tasks(Painter())
    run(lake, tasks, Painter(cannot={"3": 1000}))
    report = run(lake, [tasks[3]], Painter())
    assert report.rendered == 1
    assert_complete(lake, tasks)


@pytest.mark.parametrize("kind", ["absent", "broken"])
def test_a_poison_photo_is_quarantined(lake: Lake, kind: str) -> None:
    key = sha256_hex(b"GIF89a")
    if kind == "broken":
        lake.put_image(key, b"GIF89a")
    painter, ledger = Painter(), Ledger()
    bad = make_task(painter.version, "bad", route="inpaint", init_sha256=key, mask_sha256=key)
    report = run(lake, [*some_tasks(painter), bad], painter, **noted(ledger))
    assert (report.rendered, report.quarantined) == (10, 1)
    assert ledger.attempts == {"request-bad": 3}
    assert "init_image_unreadable" in ledger.reasons[0]


def test_photo_and_mask_reach_the_renderer(lake: Lake, renderer: DiffusersRenderer, version: Any) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    mask = np.zeros((90, 120), np.uint8)
    mask[30:70, 30:80] = 255
    keys = []
    for array in (photo, mask):
        png = encode_png(array)
        keys.append(sha256_hex(png))
        lake.put_image(keys[-1], png)
    parameters = {"size": 128, "steps": 4, "cfg_scale": 4.0, "strength": 0.9}
    task = make_task(
        version, "pie", route="inpaint", init_sha256=keys[0], mask_sha256=keys[1], parameters=parameters
    )
    report = run(lake, [task], renderer)
    assert report.rendered == 1
    picture = open_image(lake.get_image(task.candidate_id))
    expected = renderer.render([task], {keys[0]: photo}, {keys[1]: mask})[0]
    assert np.array_equal(picture, expected)


@pytest.mark.parametrize("stored", ["broken", "foreign"])
def test_a_stored_picture_that_is_not_ours_is_quarantined(lake: Lake, stored: str) -> None:
    painter = Painter()
    tasks = some_tasks(painter, 3)
    content = b"\x89PNG broken" if stored == "broken" else encode_png(np.zeros((8, 8, 3), np.uint8))
    lake.put_image(tasks[1].candidate_id, content)
    ledger = Ledger()
    report = run(lake, tasks, painter, **noted(ledger))
    assert (report.rendered, report.quarantined) == (2, 1)
    # Quarantined in the ledger too, or its rows would count as still to be rendered.
    assert ledger.attempts == {tasks[1].request_id: 3}
    assert set(known_candidates(lake, COUNTRY)["reason"]) == {None, "stored_image_unreadable"}


def test_a_picture_stored_meanwhile_by_another_run_is_the_one_that_counts(lake: Lake) -> None:
    painter = Painter()
    (task,) = some_tasks(painter, 1)

    class Raced(Painter):
        def render(self, *args: Any) -> Any:
            run(lake, [task], painter, run_id="other")
            return super().render(*args)

    run(lake, [task], Raced(), run_id="mine")
    assert_complete(lake, [task])
    assert known_candidates(lake, COUNTRY)["run_id"].to_list() == ["other"]


def test_a_full_disk_loses_nothing(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    painter = Painter()
    tasks = some_tasks(painter)
    put, free = lake.put_image, iter([True] * 6)

    def filling(key: str, png: bytes) -> bool:
        if not next(free, False):
            raise StoreError("disk full", fix="free some space")
        return put(key, png)

    monkeypatch.setattr(lake, "put_image", filling)
    with pytest.raises(StoreError, match="disk full"):
        run(lake, tasks, painter)
    monkeypatch.setattr(lake, "put_image", put)
    report = run(lake, tasks, painter)
    assert (report.recovered, report.rendered) == (6, 4)
    assert_complete(lake, tasks)


def test_a_run_that_lost_its_lease_writes_nothing_more(lake: Lake) -> None:
    painter = Painter()

    def fenced() -> None:
        raise FencedError("lease lost", fix="none")

    with pytest.raises(FencedError):
        run(lake, some_tasks(painter), painter, check=fenced)
    assert known_candidates(lake, COUNTRY).is_empty()
    assert not any(lake.has_image(t.candidate_id) for t in some_tasks(painter))


def test_a_changed_record_with_the_same_prompt_needs_no_second_rendering(lake: Lake) -> None:
    painter = Painter()
    run(lake, some_tasks(painter, 2), painter)
    renamed = [make_task(painter.version, str(n), request_id=f"new-{n}") for n in range(2)]
    assert run(lake, renamed, painter).rendered == 0
