"""Render one shard: a long loop of idempotent writes that may be killed anywhere and run again.

Per batch: render; store the pictures while the next batch renders. Per part: score the pictures in memory,
then charge them and write their manifest rows. A rerun skips rows in the manifest, recovers rows from stored
pictures, and renders the rest, at most two batches twice: the one being stored and the one being rendered.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import polars as pl

from plateful.errors import ImageError, RenderError
from plateful.metrics.declared import CANDIDATES, PENDING, REJECTIONS, RENDER_SECONDS
from plateful.metrics.meter import METER
from plateful.rendering.attempts import Attempts, NoteFailure, NoteSuccess, own_fault, reason_of
from plateful.rendering.background import Background
from plateful.rendering.billing import Bill, Billing, Unbilled
from plateful.rendering.manifest import (
    PART_ROWS,
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
from plateful.rendering.renderer import Renderer
from plateful.rendering.task import RenderTask
from plateful.stores.lake import Lake

Score = Callable[[list[RenderTask], list[np.ndarray]], None]
# What a finished task adds to the manifest: its row and, unless quarantined, its picture for the scorers.
Entry = tuple[Row, tuple[RenderTask, np.ndarray] | None]

UNREADABLE = "stored_image_unreadable"
# Beside a GPU, four threads encode and one scores; on a CPU both want the cores that denoise.
GPU_ENCODERS = 4
# Pictures that may wait for the scorers: as many as one part, so that scoring one stops no rendering.
SCORED_LATER = PART_ROWS
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
    attempts: Attempts
    check: Callable[[], None]
    billing: Billing
    manifest: ManifestWriter = field(init=False)
    counts: Counter[str] = field(default_factory=Counter)
    unpaid: list[str] = field(default_factory=list)
    storing: Background[list[Entry]] = field(init=False)
    settling: Background[None] = field(init=False)
    encoders: ThreadPoolExecutor = field(init=False)

    def __post_init__(self) -> None:
        self.manifest = ManifestWriter(self.lake, self.country, self._settle, self.clock, self.billing)

    def bring(self, tasks: Sequence[RenderTask], on_progress: Callable[[int], None]) -> None:
        """Recover and render tasks until each is in the manifest, or no money is left."""
        fresh = self.recover(tasks)
        done = len(tasks) - len(fresh)
        on_progress(done)
        # Where nothing is left to render, a model that loads on first use stays unloaded.
        if fresh:
            self.render_all(fresh, lambda more: on_progress(done + more))
        self.check()
        self.manifest.flush()

    def render_all(self, fresh: Sequence[RenderTask], on_progress: Callable[[int], None]) -> None:
        """Render tasks batch by batch, with storing and scoring beside it, as long as there is money."""
        batches, done = self.renderer.batches(fresh), 0
        on_gpu = not self.renderer.device.startswith("cpu")
        later = max(1, SCORED_LATER // max(map(len, batches)))
        self.storing, self.settling = Background(ahead=1), Background(ahead=later if on_gpu else 0)
        self.encoders = ThreadPoolExecutor(GPU_ENCODERS if on_gpu else 1)
        # Left in reverse: what is being stored needs its encoders to the end.
        with self.encoders, self.settling, self.storing:
            for batch in batches:
                if self.billing.exhausted():
                    self.unpaid += [task.candidate_id for task in batch]
                    METER.count(CANDIDATES, len(batch), outcome="unpaid", model=self.renderer.version.model)
                    continue
                self.render(batch)
                done += len(batch)
                on_progress(done)
            self._take(self.storing.finish())
            self.settling.finish()

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
                self.attempts.give_up(task, f"{UNREADABLE}: {error}")
                self._count("quarantined", UNREADABLE)
                self._add([(quarantined_row(task, UNREADABLE, self._how(0.0, Bill(0))), None)])
            else:
                self._count("recovered")
                self._add([(row, (task, picture))])
        return fresh

    def render(self, batch: list[RenderTask]) -> None:
        """Render one batch, and have it stored while the next one renders."""
        results, seconds = self.attempts.render(batch)
        self.check()
        # The device as it is now: a batch that runs out of memory changes what the next ones say.
        hows = [
            self._how(each, self.renderer.bill(task, result))
            for task, each, result in zip(batch, seconds, results, strict=True)
        ]
        for each in seconds:
            METER.observe(RENDER_SECONDS, each, model=self.renderer.version.model)
        self._take(self.storing.submit(partial(self._store, batch, results, hows)))

    def _store(
        self, batch: list[RenderTask], results: list[np.ndarray | RenderError], hows: list[Rendered]
    ) -> list[Entry]:
        """Encode and store a batch's pictures, and return what the manifest gets."""
        return list(self.encoders.map(self._stored, batch, results, hows))

    def _stored(self, task: RenderTask, result: np.ndarray | RenderError, how: Rendered) -> Entry:
        if isinstance(result, RenderError):
            return quarantined_row(task, reason_of(result), how), None
        with METER.timed("store"):
            return store_candidate(self.lake, task, result, how), (task, result)

    def _take(self, stored: list[list[Entry]]) -> None:
        """Count the entries of stored batches, and have them settled."""
        for entries in stored:
            for row, scored in entries:
                self._count("rendered" if scored else "quarantined", row["reason"])
            self.settling.submit(partial(self._add, entries))

    def _add(self, entries: list[Entry]) -> None:
        for row, scored in entries:
            self.manifest.add(row, scored)
        self.manifest.flush_if_due()

    def _settle(self, rows: list[Row], scored: Pairs) -> list[Row]:
        """Score the pictures of a part; return its rows, with those that cannot be scored quarantined."""
        if self._score(scored) is None:
            return rows
        lost: dict[str, Row] = {}
        rendered = {row["candidate_id"]: Rendered(*(row[name] for name in _HOW)) for row in rows}
        for pair in scored:
            task = pair[0]
            result = self.attempts.again(task, "score", partial(self._score, [pair]))
            if result is not None:
                # It was rendered all the same, and is paid for.
                how = rendered[task.candidate_id]
                lost[task.candidate_id] = quarantined_row(task, reason_of(result), how)
        # A name of its own: the other counts belong to the thread that renders.
        for row in lost.values():
            self._count("unscored", row["reason"])
        return [lost.get(row["candidate_id"], row) for row in rows]

    def _count(self, outcome: str, reason: str | None = None) -> None:
        self.counts[outcome] += 1
        METER.count(CANDIDATES, outcome=outcome, model=self.renderer.version.model)
        if reason is not None:
            METER.count(REJECTIONS, gate="render", reason=reason)

    def _score(self, scored: Pairs) -> RenderError | None:
        try:
            self.score([task for task, _ in scored], [picture for _, picture in scored])
        except Exception as error:
            return own_fault("not_scored", error)
        return None

    def _how(self, seconds: float, bill: Bill) -> Rendered:
        cost = self.billing.cost(seconds, bill.images)
        return Rendered(self.renderer.device, seconds, bill.at or self.clock(), self.run_id, cost)


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
    attempts = Attempts(renderer, lake, clock, max_attempts, note_failure, note_success)
    manifested = known_candidates(lake, country)
    # A quarantined candidate that is handed in again is wanted again.
    known = set(manifested.filter(pl.col("status") == "ok")["candidate_id"])
    wanted = [task for task in tasks if task.candidate_id not in known]
    bill = billing or Unbilled()
    shard = _Shard(renderer, lake, country, score, clock, run_id, attempts, check, bill)
    earlier = len(tasks) - len(wanted)

    def tell(done: int) -> None:
        METER.set(PENDING, len(wanted) - done)
        on_progress(earlier + done, len(tasks))

    shard.bring(wanted, tell)
    seconds, counts = (clock() - started).total_seconds(), shard.counts
    quarantined = counts["quarantined"] + counts["unscored"]
    return ShardReport(counts["rendered"], counts["recovered"], quarantined, seconds, tuple(shard.unpaid))
