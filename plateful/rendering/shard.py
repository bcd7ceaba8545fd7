"""Render one shard: a long loop of idempotent writes that may be killed anywhere and run again.

Per batch: render, store the pictures. Per part: score the pictures in memory, then write their manifest rows.
A rerun skips rows in the manifest, recovers rows from stored pictures, and renders the rest, at most one
batch twice. What fails among others, in whatever way, is tried alone: only an error that no item would
survive (`item_faults`) ends the shard.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import numpy as np
import polars as pl

from plateful.errors import ImageError, RenderError
from plateful.item_faults import stops_all, told
from plateful.rendering.billing import Billing, Unbilled
from plateful.rendering.manifest import (
    Clock,
    ManifestWriter,
    Pairs,
    Rendered,
    Row,
    known_candidates,
    quarantined_row,
    recover_candidate,
    store_candidate,
)
from plateful.rendering.outcome import ShardReport
from plateful.rendering.renderer import CandidateError, Renderer
from plateful.rendering.task import RenderTask
from plateful.stores.lake import Lake
from plateful.vision.image_io import open_stored

Score = Callable[[list[RenderTask], list[np.ndarray]], None]
# (request id, stage, reason) -> how often that request has failed.
NoteFailure = Callable[[str, str, str], int]
# (request id, stage): its failures before this success count no more.
NoteSuccess = Callable[[str, str], None]
Result = TypeVar("Result")
_HOW = tuple(Rendered.__dataclass_fields__)


def _unfenced() -> None:
    """Allow every write."""


@dataclass
class _Shard:
    """One shard's loop: its adapters, its manifest and its counts."""

    renderer: Renderer
    lake: Lake
    country: str
    score: Score
    clock: Clock
    run_id: str
    max_attempts: int
    note_failure: NoteFailure
    note_success: NoteSuccess
    check: Callable[[], None]
    billing: Billing
    manifest: ManifestWriter = field(init=False)
    rendered: int = 0
    recovered: int = 0
    quarantined: int = 0

    def __post_init__(self) -> None:
        self.manifest = ManifestWriter(self.lake, self.country, self._settle, self.clock, self.billing)

    def recover(self, tasks: Sequence[RenderTask]) -> list[RenderTask]:
        """Take the rows of stored pictures into the manifest; return the tasks that have no picture."""
        fresh = []
        for task in tasks:
            if not self.lake.has_image(task.candidate_id):
                fresh.append(task)
                continue
            try:
                row, picture = recover_candidate(self.lake, task)
            except ImageError as error:
                self._quarantine(task, "stored_image_unreadable", str(error))
                continue
            self.manifest.add(row, (task, picture))
            self.recovered += 1
            self.manifest.flush_if_due()
        return fresh

    def render(self, batch: list[RenderTask]) -> None:
        """Render and store one batch; tasks that fail are tried again alone, then quarantined."""
        started = self.clock()
        results = self._attempt(batch)
        self.check()
        share = (self.clock() - started).total_seconds() / len(batch)
        for task, result in zip(batch, results, strict=True):
            seconds = share
            if isinstance(result, RenderError):
                again = self.clock()
                result = self._again(task, "render", lambda alone=task: self._attempt([alone])[0])
                seconds += (self.clock() - again).total_seconds()
            if isinstance(result, RenderError):
                self._quarantine(task, _reason(result), seconds=seconds)
                continue
            row = store_candidate(self.lake, task, result, self._how(seconds, images=1))
            self.manifest.add(row, (task, result))
            self.rendered += 1
        self.manifest.flush_if_due()

    def _again(
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

    def _attempt(self, tasks: list[RenderTask]) -> list[np.ndarray | RenderError]:
        photos = dict(self._opened({t.init_sha256 for t in tasks if t.init_sha256}))
        masks = dict(self._opened({t.mask_sha256 for t in tasks if t.mask_sha256}))
        try:
            return self.renderer.render(tasks, photos, masks)
        except Exception as error:
            return [_own_fault("render_failed", error)] * len(tasks)

    def _settle(self, rows: list[Row], scored: Pairs) -> list[Row]:
        """Score the pictures of a part; return its rows, with those that cannot be scored quarantined."""
        if self._score(scored) is None:
            return rows
        lost: dict[str, Row] = {}
        rendered = {row["candidate_id"]: Rendered(*(row[name] for name in _HOW)) for row in rows}
        for pair in scored:
            task = pair[0]
            result = self._again(task, "score", partial(self._score, [pair]))
            if result is not None:
                # It was rendered all the same, and is paid for.
                how = rendered[task.candidate_id]
                lost[task.candidate_id] = quarantined_row(task, _reason(result), how)
        self.quarantined += len(lost)
        return [lost.get(row["candidate_id"], row) for row in rows]

    def _score(self, scored: Pairs) -> RenderError | None:
        try:
            self.score([task for task, _ in scored], [picture for _, picture in scored])
        except Exception as error:
            return _own_fault("not_scored", error)
        return None

    def _opened(self, keys: set[str]) -> Iterator[tuple[str, np.ndarray]]:
        """Open stored photos or masks; the renderer names the tasks whose picture is not among them."""
        for key in sorted(keys):
            if not self.lake.has_image(key):
                continue
            try:
                yield key, open_stored(self.lake.get_image(key))
            except ImageError:
                continue

    def _quarantine(
        self, task: RenderTask, reason: str, detail: str | None = None, *, seconds: float = 0.0
    ) -> None:
        # No further attempt mends a stored file: the request has failed as often as it may, at once.
        while (
            detail and self.note_failure(task.request_id, "render", f"{reason}: {detail}") < self.max_attempts
        ):
            pass
        self.manifest.add(quarantined_row(task, reason, self._how(seconds, images=0)))
        self.quarantined += 1

    def _how(self, seconds: float, *, images: int) -> Rendered:
        cost = self.billing.cost(seconds, images)
        return Rendered(self.renderer.device, seconds, self.clock(), self.run_id, cost)


def _own_fault(reason: str, error: Exception) -> CandidateError:
    """Return an error as its item's; raises it when it is everybody's."""
    if stops_all(error):
        raise error
    return CandidateError(reason, told(error), fix="look at its prompt and photo, then have it tried again")


def _reason(error: RenderError) -> str:
    return getattr(error, "reason", "render_failed")


def render_shard(
    tasks: Sequence[RenderTask],
    *,
    renderer: Renderer,
    lake: Lake,
    country: str,
    score: Score,
    clock: Clock,
    run_id: str,
    on_progress: Callable[[int, int], None],
    max_attempts: int,
    note_failure: NoteFailure,
    note_success: NoteSuccess,
    check: Callable[[], None] = _unfenced,
    billing: Billing | None = None,
) -> ShardReport:
    """Bring every task of a shard into the country's manifest, rendered, recovered or quarantined.

    Args:
        tasks: tasks of the renderer's model version.
        renderer: loaded renderer.
        lake: holds pictures, photos, masks and the manifest.
        country: partition of the manifest.
        score: scores tasks and their pictures (uint8 RGB), keeps the scores; called before their rows count,
            again for each picture alone when that fails.
        clock: current time, aware UTC.
        run_id: run recorded in the rows.
        on_progress: told (done, total) tasks after recovery and after each batch.
        max_attempts: failures of a request after which a failing candidate is quarantined.
        note_failure: counts a failure, e.g. `Ledger.note_failure` of the country.
        note_success: told when a task works after failures, e.g. `Ledger.note_success` of the country.
        check: called before writes; raises when this run may no longer write (lost lease).
        billing: prices candidates, takes their charges, may end the shard early; None = nobody pays.

    Raises:
        StoreError: the lake refused a write, or `check` did; what was stored stays and a rerun recovers it.
    """
    started = clock()
    bill = billing or Unbilled()
    shard = _Shard(
        renderer, lake, country, score, clock, run_id, max_attempts, note_failure, note_success, check, bill
    )
    manifested = known_candidates(lake, country)
    # A quarantined candidate that is handed in again is wanted again.
    known = set(manifested.filter(pl.col("status") == "ok")["candidate_id"])
    fresh = shard.recover([task for task in tasks if task.candidate_id not in known])
    done, unpaid = len(tasks) - len(fresh), []
    on_progress(done, len(tasks))
    for batch in renderer.batches(fresh):
        if bill.exhausted():
            unpaid += [task.candidate_id for task in batch]
            continue
        shard.render(batch)
        done += len(batch)
        on_progress(done, len(tasks))
    check()
    shard.manifest.flush()
    seconds = (clock() - started).total_seconds()
    return ShardReport(shard.rendered, shard.recovered, shard.quarantined, seconds, tuple(unpaid))
