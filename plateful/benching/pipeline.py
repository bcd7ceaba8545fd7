"""The end-to-end share: how much of a shard's time is rendering, and how much the rest adds (bar G6).

Alternates between the renderer alone and the whole shard loop (prompt -> rendered, encoded, hashed, stored,
scored, manifest and ledger rows) on the same tasks, each time with stores of its own.
"""

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from plateful.benching.runners import PARTITION
from plateful.environments import Adapters, utc_now
from plateful.errors import RenderError
from plateful.judging.judge import Judge
from plateful.rendering.renderer import Renderer
from plateful.rendering.shard import render_shard
from plateful.rendering.task import RenderTask
from plateful.scoring.completion import score_arrays
from plateful.scoring.scorer import Scorer

# Far longer than any measurement: the lease is taken and checked, not waited for.
LEASE = timedelta(hours=1)
BAR = 0.97


def measure_pipeline(
    renderer: Renderer,
    tasks: Sequence[RenderTask],
    scorer: Scorer,
    judge: Judge,
    open_stores: Callable[[Path], Adapters],
    *,
    repeats: int,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> dict[str, Any]:
    """Return the share of the renderer alone in the whole, and what stage costs what.

    Args:
        renderer: loaded renderer.
        tasks: what to render, of its version.
        scorer: gates.
        judge: judge.
        open_stores: opens lake and ledger below an empty folder.
        repeats: rounds, A B A B.
        on_progress: told (rounds done, total).

    Raises:
        RenderError: a picture failed.
    """
    batches = renderer.batches(tasks)
    _alone(renderer, batches[:1])
    alone, whole, scored = [], [], []
    for number in range(repeats):
        alone.append(_alone(renderer, batches))
        seconds, scoring = _whole(renderer, tasks, scorer, judge, open_stores)
        whole.append(seconds)
        scored.append(scoring)
        on_progress(number + 1, repeats)
    shares = [one / all_ for one, all_ in zip(alone, whole, strict=True)]
    return {
        "model": renderer.version.model,
        "model_version": renderer.version.digest,
        "hardware": renderer.device,
        "images": len(tasks),
        "repeats": repeats,
        "renderer_seconds_per_image": round(median(alone) / len(tasks), 5),
        "end_to_end_seconds_per_image": round(median(whole) / len(tasks), 5),
        "scoring_seconds_per_image": round(median(scored) / len(tasks), 5),
        "share": round(median(shares), 4),
        "share_range": [round(min(shares), 4), round(max(shares), 4)],
        "bar": BAR,
    }


def _alone(renderer: Renderer, batches: Sequence[list[RenderTask]]) -> float:
    started = time.perf_counter()
    for batch in batches:
        failed = [result for result in renderer.render(batch, {}, {}) if isinstance(result, RenderError)]
        if failed:
            raise failed[0]
    return time.perf_counter() - started


def _whole(
    renderer: Renderer,
    tasks: Sequence[RenderTask],
    scorer: Scorer,
    judge: Judge,
    open_stores: Callable[[Path], Adapters],
) -> tuple[float, float]:
    """Return (seconds of the whole loop, seconds of scoring within it)."""
    scoring: list[float] = []
    with TemporaryDirectory() as folder:
        stores = open_stores(Path(folder))
        lake, ledger = stores.lake, stores.ledger
        score = partial(score_arrays, scorer=scorer, judge=judge, lake=lake, country=PARTITION)
        started = time.perf_counter()
        lease = ledger.acquire_lease(PARTITION, PARTITION, LEASE)
        report = render_shard(
            tasks,
            renderer=renderer,
            lake=lake,
            country=PARTITION,
            score=partial(_timed, scoring, score),
            clock=utc_now,
            run_id=PARTITION,
            on_progress=lambda _done, _total: None,
            max_attempts=1,
            note_failure=partial(ledger.note_failure, PARTITION),
            note_success=partial(ledger.note_success, PARTITION),
            check=partial(ledger.check_fence, lease),
        )
        ledger.release(lease)
        seconds = time.perf_counter() - started
        ledger.close()
    if report.rendered != len(tasks):
        raise RenderError(f"{report.quarantined} of {len(tasks)} pictures failed", fix="run the ladder first")
    return seconds, sum(scoring)


def _timed(spent: list[float], score: Callable[..., None], *arguments: Any) -> None:  # noqa: ANN401 - passed on
    started = time.perf_counter()
    score(*arguments)
    spent.append(time.perf_counter() - started)
