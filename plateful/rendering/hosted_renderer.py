"""Render with a hosted model: one paid call per candidate, several at once, nothing ever paid twice.

A `Renderer` like any other, so the shard loop, manifests, gates and counts are the same. An edit uploads the
square around the dish with its mask, and what comes back is put into the vendor's photo by our own
compositing: outside the feathered mask no provider changes a pixel.
"""

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np

from plateful.errors import ConfigError, ImageError, ModelError, RenderError
from plateful.models.capabilities import Choice, sides
from plateful.models.catalog import Endpoint
from plateful.models.profile import HostedProfile
from plateful.models.providers.calls import PROVIDERS, Caller
from plateful.models.providers.failures import LOST_FIX, CallFailure
from plateful.models.providers.http import HttpClient
from plateful.models.providers.wire import Ask
from plateful.models.versions import ModelVersion
from plateful.rendering.billing import Bill
from plateful.rendering.call_journal import CallJournal, CallRecord, Clock, Spent
from plateful.rendering.inpainting import Canvas, fit
from plateful.rendering.renderer import Arrays, CandidateError
from plateful.rendering.task import RenderTask
from plateful.stores.lake import Lake
from plateful.vision.image_io import open_image

# Calls per batch and thread: stored pictures come in steps of a batch, and its slowest call ends it.
ROUNDS = 4
# A picture of a size that is promised only roughly may differ so much in shape before it is a wrong one.
SHAPE_TOLERANCE = 0.04


def _now() -> datetime:
    return datetime.now(UTC)


class HostedRenderer:
    """One hosted model version behind its endpoint.

    Args:
        version: a hosted model version.
        lake: holds the journal of paid calls, beside the pictures.
        sleep: waits seconds before a call is repeated.
        seconds: a clock that only rises.
        clock: current time, aware UTC; the same that the shard uses.

    Raises:
        ConfigError: the variable that holds the endpoint's key is not set.
    """

    def __init__(
        self,
        version: ModelVersion,
        lake: Lake,
        *,
        sleep: Callable[[float], None] = time.sleep,
        seconds: Callable[[], float] = time.monotonic,
        clock: Clock = _now,
    ) -> None:
        self.version = version
        self._endpoint, self._profile = _hosted(version)
        self._journal = CallJournal(lake, clock)
        provider = PROVIDERS[version.entry.provider]
        where = f"{version.entry.provider} ({urlsplit(self._endpoint.url).hostname})"
        http = HttpClient(where, self._endpoint.timeout, seconds)
        self._caller = Caller(provider, self._endpoint, _key(version, self._endpoint), http, sleep)
        self._where = where
        # Candidate id -> the billing attempt that its last render was about.
        self._records: dict[str, CallRecord] = {}
        self._stop = threading.Event()

    @property
    def device(self) -> str:
        """Device kind, as manifests record it: the provider and its host."""
        return self._where

    def batches(self, tasks: Sequence[RenderTask]) -> list[list[RenderTask]]:
        """Split tasks in order, a few rounds of the endpoint's concurrency each."""
        size = ROUNDS * self._endpoint.concurrency
        return [list(tasks[start : start + size]) for start in range(0, len(tasks), size)]

    def render(
        self, tasks: Sequence[RenderTask], photos: Arrays, masks: Arrays
    ) -> list[np.ndarray | RenderError]:
        """Return one uint8 RGB picture or error per task, in order (see `Renderer.render`).

        Raises:
            ModelError: a task is of another model version.
            ConfigError: the provider refuses every call: bad key, empty account, unknown model.
            StoreError: the journal cannot be written.
        """
        self._journal.sweep()
        self._stop.clear()

        def one(task: RenderTask) -> np.ndarray | RenderError:
            return self._one(task, photos, masks)

        with ThreadPoolExecutor(min(self._endpoint.concurrency, max(1, len(tasks)))) as pool:
            return list(pool.map(one, tasks))

    def bill(self, task: RenderTask, result: np.ndarray | RenderError) -> Bill:  # noqa: ARG002 - the protocol's
        """Return what the provider may charge for the last render of a task, whether a picture came or not.

        Raises:
            StoreError: the journal cannot be read.
        """
        record = self._records.get(task.candidate_id)
        return record.bill if record else Bill(0)

    def _one(self, task: RenderTask, photos: Arrays, masks: Arrays) -> np.ndarray | RenderError:
        # What another thread's error stops, later tasks of the batch must not pay for.
        if self._stop.is_set():
            return CandidateError("not_asked", "the batch was stopped", fix="see the error that stopped it")
        self._records.pop(task.candidate_id, None)
        try:
            return self._rendered(task, photos, masks)
        except RenderError as error:
            return error
        except BaseException:
            self._stop.set()
            raise

    def _rendered(self, task: RenderTask, photos: Arrays, masks: Arrays) -> np.ndarray:
        if task.model_version != self.version.digest:
            raise ModelError(
                f"candidate {task.candidate_id[:12]} is of model version {task.model_version[:12]}, "
                f"this renderer is {self.version.digest[:12]}",
                fix="plan again with the model in use",
            )
        canvas = self._canvas(task, photos, masks)
        record = self._records[task.candidate_id] = self._journal.open(task)
        content = self._bought(record, self._ask(task, canvas))
        picture = self._usable(record, content, canvas or sides(task.parameters["size"]))
        return canvas.composite(picture) if canvas else picture

    def _canvas(self, task: RenderTask, photos: Arrays, masks: Arrays) -> Canvas | None:
        """Cut the square to edit: as large as the shorter side of the size that was asked for."""
        if task.route != "inpaint":
            return None
        photo, mask = photos.get(task.init_sha256 or ""), masks.get(task.mask_sha256 or "")
        if photo is None or mask is None:
            missing = "photo" if photo is None else "mask"
            raise _failure(task, "init_image_unreadable", f"its {missing} is missing or cannot be opened")
        try:
            return fit(photo, mask, min(sides(task.parameters["size"])))
        except ValueError as error:
            raise _failure(task, "init_image_unreadable", str(error)) from error

    def _ask(self, task: RenderTask, canvas: Canvas | None) -> Ask:
        entry = self.version.entry
        values: dict[str, Any] = {"prompt": task.prompt, "seed": task.seed}
        # A provider that is told no quality chooses one itself, and with it the price.
        if "quality" in entry.capabilities and entry.tier in entry.tiers:
            values["quality"] = entry.tiers[entry.tier]
        values |= task.parameters
        if task.negative_prompt:
            values["negative_prompt"] = task.negative_prompt
        if canvas:
            values |= {
                "size": canvas.photo.shape[0],
                "init_image": canvas.photo,
                "mask": np.where(canvas.paint > 0, 255, 0).astype(np.uint8),
            }
        return Ask(values)

    def _bought(self, record: CallRecord, ask: Ask) -> bytes:
        """Return the picture file of a billing attempt: from the journal, else from the provider."""
        spent, content = record.spent, record.answer
        if spent:
            raise _given_up(spent)
        if content is None and record.was_sent and not self._endpoint.idempotent:
            message = f"{self._where} was asked by a run that ended before the reply came"
            raise _given_up(record.spend("reply_lost", message, fix=LOST_FIX, billed=True))
        if content is None:
            content = self._called(record, ask)
            record.answered(content)
        return content

    def _called(self, record: CallRecord, ask: Ask) -> bytes:
        try:
            return self._caller.paint(ask, self._profile, record.key, record)
        except CallFailure as failure:
            if failure.stops_all:
                raise ConfigError(
                    f"model {self.version.model!r}: {failure.reason}: {failure.message}", fix=failure.fix
                ) from failure
            # What an honoured key makes safe to ask for again is not given up.
            if not failure.passing and not (self._endpoint.idempotent and record.was_sent):
                record.spend(failure.reason, failure.message, fix=failure.fix, billed=failure.billed)
            raise CandidateError(failure.reason, failure.message, fix=failure.fix) from failure

    def _usable(self, record: CallRecord, content: bytes, wanted: Canvas | tuple[int, int]) -> np.ndarray:
        width, height = wanted.photo.shape[1::-1] if isinstance(wanted, Canvas) else wanted
        fix = "look at the provider's reference; `plateful quarantine replay` buys it again"
        try:
            picture = open_image(content)
        except ImageError as error:
            spent = record.spend("picture_broken", error.message, fix=fix, billed=True)
            raise _given_up(spent) from error
        if picture.shape[:2] == (height, width):
            return picture
        size = self.version.entry.capabilities_of(self.version.profile.name).get("size")
        shape = picture.shape[1] * height / (picture.shape[0] * width)
        if isinstance(size, Choice) and size.approximate and abs(shape - 1) <= SHAPE_TOLERANCE:
            return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        found = f"{picture.shape[1]}x{picture.shape[0]} instead of {width}x{height}"
        raise _given_up(record.spend("wrong_size", f"it is {found}", fix=fix, billed=True))


def _given_up(spent: Spent) -> CandidateError:
    return CandidateError(spent.reason, spent.message, fix=spent.fix)


def _hosted(version: ModelVersion) -> tuple[Endpoint, HostedProfile]:
    endpoint, profile = version.entry.endpoint, version.profile
    if endpoint is None or not isinstance(profile, HostedProfile):
        raise ConfigError(
            f"model {version.model!r} is not hosted", fix="render it with the renderer of its provider"
        )
    return endpoint, profile


def _key(version: ModelVersion, endpoint: Endpoint) -> str:
    key = os.environ.get(endpoint.key, "").strip()
    if not key:
        raise ConfigError(
            f"model {version.model!r} needs the environment variable {endpoint.key}, which is not set",
            fix=f"set {endpoint.key} to the key of {urlsplit(endpoint.url).hostname}",
        )
    return key


def _failure(task: RenderTask, reason: str, detail: str) -> CandidateError:
    return CandidateError(
        reason, f"candidate {task.candidate_id[:12]}: {detail}", fix="look at its prompt and photo"
    )
