"""Candidate manifests: one row per candidate, inside its PNG and in the lake's part log.

The row travels in the PNG (iTXt chunk `plateful`), so a run that was killed after storing pictures and before
writing their part recovers the rows from the pictures instead of rendering again.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from plateful.errors import ImageError
from plateful.identity import canonical_json, sha256_hex
from plateful.rendering.billing import Billing
from plateful.rendering.task import RenderTask
from plateful.stores.lake import Lake
from plateful.tables import GENERATED_CANDIDATES
from plateful.vision.image_io import encode_png, open_stored, pixel_sha256, read_png_text

LOG = GENERATED_CANDIDATES.name
CHUNK = "plateful"

# A part per this many candidates, this much time, or this many bytes of pictures held for the scorers.
PART_ROWS = 256
PART_AGE = timedelta(seconds=60)
PART_BYTES = 256 * 2**20

Row = dict[str, Any]
Pairs = list[tuple[RenderTask, np.ndarray]]
# Rows and the pictures among them -> the rows as they count once the pictures are scored.
Settle = Callable[[list[Row], Pairs], list[Row]]
Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Rendered:
    """Where, when and how fast a candidate was rendered, and what that cost in micro-USD."""

    device: str
    seconds: float
    rendered_at: datetime
    run_id: str
    cost: int


def known_candidates(lake: Lake, country: str) -> pl.DataFrame:
    """Return a country's GENERATED_CANDIDATES rows, those whose picture was lost as quarantined."""
    rows = lake.read_parts(LOG, country)
    lost = pl.col("candidate_id").is_in(_lost(lake, rows))
    gone = {"status": "quarantined", "reason": "picture_lost", "file_sha256": None, "pixel_sha256": None}
    return rows.with_columns(
        pl.when(lost).then(pl.lit(value)).otherwise(pl.col(name)).alias(name) for name, value in gone.items()
    )


def lost_candidates(lake: Lake, country: str) -> set[str]:
    """Return the ids of a country's rendered candidates whose picture is no longer in the lake."""
    return _lost(lake, lake.read_parts(LOG, country))


def _lost(lake: Lake, rows: pl.DataFrame) -> set[str]:
    rendered = set(rows.filter(pl.col("status") == "ok")["candidate_id"])
    return rendered - lake.stored_images(rendered)


def store_candidate(lake: Lake, task: RenderTask, picture: np.ndarray, how: Rendered) -> Row:
    """Store a picture with its row inside, unless there is one, and return the row of what is stored."""
    row, png = candidate_png(task, picture, how)
    if lake.put_image(task.candidate_id, png):
        return row
    stored, _ = recover_candidate(lake, task)
    return stored


def candidate_png(task: RenderTask, picture: np.ndarray, how: Rendered) -> tuple[Row, bytes]:
    """Return (manifest row, PNG file with that row inside) of a rendered picture."""
    height, width = picture.shape[:2]
    seen = {"pixel_sha256": pixel_sha256(picture), "width": width, "height": height}
    row = {**_row(task, how), "status": "ok", **seen}
    png = encode_png(picture, {CHUNK: canonical_json({**row, "rendered_at": how.rendered_at.isoformat()})})
    return {**row, "file_sha256": sha256_hex(png)}, png


def recover_candidate(lake: Lake, task: RenderTask) -> tuple[Row, np.ndarray]:
    """Return (manifest row, picture) of a stored candidate.

    Raises:
        ImageError: the file cannot be opened, or carries no manifest row of this candidate.
    """
    path = lake.image_path(task.candidate_id)
    fix = f"delete {path}, then `plateful quarantine replay` and `plateful run`"
    return read_candidate(lake.get_image(task.candidate_id), task, fix=fix)


def read_candidate(png: bytes, task: RenderTask, *, fix: str) -> tuple[Row, np.ndarray]:
    """Return (manifest row, picture) of a file that `candidate_png` wrote.

    Raises:
        ImageError: the file cannot be opened, or carries no manifest row of this candidate; says `fix`.
    """
    row = json.loads(read_png_text(png).get(CHUNK, "{}"))
    picture = open_stored(png)
    if row.get("candidate_id") != task.candidate_id or row.get("pixel_sha256") != pixel_sha256(picture):
        raise ImageError(
            f"the stored picture of candidate {task.candidate_id} is not the one its manifest describes",
            fix=fix,
        )
    row = {**GENERATED_CANDIDATES.added, **row}
    # The request that asks now, not the one that first asked for these pixels; but who paid for them then.
    asked = {**task.identity_row(), "team": row["team"]}
    known = {**row, **asked, "rendered_at": datetime.fromisoformat(row["rendered_at"])}
    return {**known, "file_sha256": sha256_hex(png)}, picture


def quarantined_row(task: RenderTask, reason: str, how: Rendered) -> Row:
    """Return the manifest row of a candidate that could not be rendered."""
    return {**_row(task, how), "status": "quarantined", "reason": reason}


def _row(task: RenderTask, how: Rendered) -> Row:
    empty = dict.fromkeys(GENERATED_CANDIDATES.columns)
    return {**empty, **task.identity_row(), **vars(how)}


@dataclass
class ManifestWriter:
    """Gathers finished candidates and writes them as parts: scores, then charges, then the rows that count.

    A row without its charge would never be paid for; a charge without its row gets it with the found picture.
    """

    lake: Lake
    country: str
    settle: Settle
    clock: Clock
    billing: Billing
    _rows: list[Row] = field(default_factory=list)
    _scored: Pairs = field(default_factory=list)
    _since: datetime | None = None

    def add(self, row: Row, scored: tuple[RenderTask, np.ndarray] | None = None) -> None:
        """Take one finished row and, unless it is quarantined, its task and picture for the scorers."""
        self._since = self._since or self.clock()
        self._rows.append(row)
        if scored:
            self._scored.append(scored)

    def flush_if_due(self) -> None:
        """Write a part when enough rows, bytes or time have gathered."""
        held = sum(picture.nbytes for _, picture in self._scored)
        old = self._since is not None and self.clock() - self._since >= PART_AGE
        if len(self._rows) >= PART_ROWS or held >= PART_BYTES or old:
            self.flush()

    def flush(self) -> None:
        """Score what has gathered, write its manifest part, and forget it."""
        if not self._rows:
            return
        if self._scored:
            self._rows = self.settle(self._rows, self._scored)
        self.billing.charge(self._rows)
        self.lake.append_part(LOG, self.country, GENERATED_CANDIDATES.frame(self._rows))
        self._rows, self._scored, self._since = [], [], None
