"""The journal of paid calls: what was sent, what came back, what was spent, in the lake beside the pictures.

calls/<candidate id>.<attempt>.sent      before a request leaves; alone it means: reply lost, maybe billed
calls/<candidate id>.<attempt>.answer    the picture file, until its candidate is stored
calls/<candidate id>.<attempt>.spent     a final failure, with its reason

A run may be killed anywhere: an answer is used and not bought again, a call without an answer is not
repeated (unless the endpoint honours idempotency keys), and a final failure stays one. A new billing attempt
begins only when a candidate whose failure stands in the manifest as quarantined is handed in again: a person
asked for that.

A billing attempt is charged at the time of its first request, in whatever run its outcome is found, so it is
charged once.
"""

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from plateful.identity import canonical_json
from plateful.rendering.billing import Bill
from plateful.rendering.manifest import known_candidates
from plateful.rendering.task import RenderTask
from plateful.stores import objects
from plateful.stores.lake import Lake
from plateful.stores.objects import StorePath

Clock = Callable[[], datetime]
FOLDER = "calls"


@dataclass(frozen=True)
class Spent:
    """A final failure: whether the provider may charge for it, and when its attempt began."""

    reason: str
    message: str
    fix: str
    billed: bool
    at: str


@dataclass
class CallRecord:
    """One billing attempt for one candidate."""

    lake: Lake
    candidate_id: str
    attempt: int
    clock: Clock
    # Whether the file that says `sent` is of this process: only then may it be taken back.
    _own: bool = field(default=False, init=False)

    @property
    def key(self) -> str:
        """The idempotency key: the same for every repeat of this attempt, in any process."""
        return f"{self.candidate_id}-{self.attempt}"

    @property
    def was_sent(self) -> bool:
        """Whether a request of this attempt left and may have been processed."""
        return self._path("sent").exists()

    @property
    def bill(self) -> Bill:
        """What the provider may charge for this attempt, as far as it has come."""
        if spent := self.spent:
            return Bill(int(spent.billed), datetime.fromisoformat(spent.at))
        return Bill(1, self._since()) if self.was_sent else Bill(0)

    @property
    def answer(self) -> bytes | None:
        """The picture file that came back, if one did."""
        path = self._path("answer")
        return path.read_bytes() if path.exists() else None

    @property
    def spent(self) -> Spent | None:
        """The final failure, if there was one."""
        path = self._path("spent")
        return Spent(**json.loads(path.read_bytes())) if path.exists() else None

    def sent(self) -> None:
        """Note, before sending, that the provider may process a request from now on."""
        if objects.put_if_absent(self._path("sent"), self.clock().isoformat().encode()):
            self._own = True

    def unsent(self) -> None:
        """Note that the provider processed nothing."""
        if self._own:
            _remove(self._path("sent"))
            self._own = False

    def answered(self, content: bytes) -> None:
        """Keep the picture file until its candidate is stored."""
        objects.put_if_absent(self._path("answer"), content)

    def spend(self, reason: str, message: str, *, fix: str, billed: bool) -> Spent:
        """Note a final failure and return it."""
        spent = Spent(reason, message, fix, billed, (self._since() or self.clock()).isoformat())
        objects.put_if_absent(self._path("spent"), canonical_json(vars(spent)).encode())
        _remove(self._path("answer"))
        return spent

    def _since(self) -> datetime | None:
        path = self._path("sent")
        return datetime.fromisoformat(path.read_text()) if path.exists() else None

    def _path(self, state: str) -> StorePath:
        return self.lake.root / FOLDER / f"{self.candidate_id}.{self.attempt}.{state}"


@dataclass(frozen=True)
class CallJournal:
    """The calls of every candidate of a lake."""

    lake: Lake
    clock: Clock

    def open(self, task: RenderTask) -> CallRecord:
        """Return the billing attempt of a candidate that counts: the first that was not given up."""
        attempt = 1
        while True:
            record = CallRecord(self.lake, task.candidate_id, attempt, self.clock)
            spent = record.spent
            if spent is None or not self._handed_in_again(task, spent):
                return record
            attempt += 1

    def _handed_in_again(self, task: RenderTask, spent: Spent) -> bool:
        """Whether the failure was written to the manifest, so that this task is a new wish."""
        rows = known_candidates(self.lake, task.country)
        # The reason tells it from an earlier failure of the same attempt, which was not final.
        failed = rows.filter(candidate_id=task.candidate_id, status="quarantined", reason=spent.reason)
        return any(at >= datetime.fromisoformat(spent.at) for at in failed["rendered_at"])

    def sweep(self) -> None:
        """Forget the calls whose candidate is stored."""
        folder = self.lake.root / FOLDER
        names = objects.names(folder)
        done = {
            name.partition(".")[0]
            for name in names
            if name.endswith(".answer") and self.lake.has_image(name.partition(".")[0])
        }
        for name in names:
            if name.partition(".")[0] in done:
                _remove(folder / name)


def _remove(path: StorePath) -> None:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
