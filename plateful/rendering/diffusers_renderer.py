"""Render with the weights of diffusers' Stable Diffusion families, through our own denoising loop.

A candidate's pixels depend on its task and the device kind alone: every batch has the same shape (short ones
are padded with repeats of the last task), each candidate has its own generator, and prompts are embedded one
by one.
"""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from plateful.errors import ModelError, RenderError
from plateful.metrics.clock import Laps
from plateful.metrics.meter import METER
from plateful.models.capabilities import sides
from plateful.models.versions import ModelVersion
from plateful.rendering.billing import Bill, own_bill
from plateful.rendering.candidates import canvas_of, missing_reference, picture_of, stack
from plateful.rendering.conditioning import condition
from plateful.rendering.decoding import decode, encode
from plateful.rendering.deepcache import Denoiser
from plateful.rendering.denoising import Guidance, Start, denoise, from_noise, from_photos
from plateful.rendering.device_kind import DeviceKind
from plateful.rendering.device_laps import laps_on
from plateful.rendering.inpainting import Canvas
from plateful.rendering.loading import free_cache, load_pipeline, weight_bytes
from plateful.rendering.references import References
from plateful.rendering.renderer import Arrays, CandidateError
from plateful.rendering.task import RenderTask
from plateful.rendering.text import TextCache, TextEmbedder

_LOG = logging.getLogger(__name__)


class DiffusersRenderer:
    """One loaded model version.

    Args:
        version: model version, its weights verified by `resolve_model`.
        device: torch device; default the first GPU, else the CPU.
        threads: CPU threads; default one per core. Another number gives other last bits (measured: 1 against
            2), so on a CPU it is part of the device kind.
        pipeline: loaded components, in place of those in the version's folder.
        texts: cache of text embeddings, shared by the models of a process.
    """

    def __init__(
        self,
        version: ModelVersion,
        device: str | None = None,
        threads: int | None = None,
        *,
        pipeline: Any = None,  # noqa: ANN401 - any diffusers pipeline
        texts: TextCache | None = None,
    ) -> None:
        self.version = version
        _, self._profile = version.own
        self._place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.pipeline = pipeline or load_pipeline(version, self._place)
        self.text = TextEmbedder(
            _encoders(self.pipeline), version.digest, TextCache() if texts is None else texts
        )
        self._references = References(self.pipeline, self._profile.reference_scale)
        self._denoiser = self._new_denoiser()
        batch, eager = self._profile.batch, bool(self._profile.compiled and not self._denoiser.compiled)
        cores = len(os.sched_getaffinity(0))
        self._kind = DeviceKind(self._place, threads or cores, batch, usual=batch, eager=eager)

    @property
    def device(self) -> str:
        """Device kind, as manifests record it: the GPU's name, or `cpu, 2 threads` (see DeviceKind)."""
        return str(self._kind)

    @property
    def bytes(self) -> int:
        """Bytes of the loaded weights."""
        return weight_bytes(self.pipeline)

    @contextmanager
    def like(self, device: str) -> Iterator[None]:
        """Render with a recorded device kind's CPU threads and batch inside the block; a GPU stays one."""
        own, self._kind = self._kind, self._kind.like(device)
        try:
            yield
        finally:
            self._kind = own

    def flush(self) -> None:
        """Forget what another model has no use for: embeddings, compiled code, the GPU's cached blocks."""
        self.text.flush()
        if self._denoiser.compiled:
            torch.compiler.reset()
        self._denoiser = self._new_denoiser()
        free_cache(self._place)

    def batches(self, tasks: Sequence[RenderTask]) -> list[list[RenderTask]]:
        """Group tasks of equal route, parameters and prompt chunks, with a reference image or without."""
        groups: dict[tuple, list[RenderTask]] = {}
        for task in tasks:
            chunks = self.text.chunks(task.prompt, task.negative_prompt)
            referred = task.reference_sha256 is not None
            shape = (task.route, tuple(sorted(task.parameters.items())), chunks, referred)
            groups.setdefault(shape, []).append(task)
        size = self._kind.batch
        return [
            group[start : start + size] for group in groups.values() for start in range(0, len(group), size)
        ]

    def render(
        self, tasks: Sequence[RenderTask], photos: Arrays, masks: Arrays
    ) -> list[np.ndarray | RenderError]:
        """Return one uint8 RGB picture or error per task, in order (see `Renderer.render`).

        Raises:
            ModelError: a task is of another model version, or not even one candidate fits into memory.
        """
        done: dict[str, np.ndarray | RenderError] = {}
        canvases: dict[str, Canvas] = {}
        for task in tasks:
            problem = self._prepare(task, photos, masks, canvases)
            if problem:
                done[task.candidate_id] = problem
        for batch in self.batches([t for t in tasks if t.candidate_id not in done]):
            pictures = self._render_within_memory(batch, photos, canvases)
            done.update(zip((t.candidate_id for t in batch), pictures, strict=True))
        return [done[task.candidate_id] for task in tasks]

    def bill(self, task: RenderTask, result: np.ndarray | RenderError) -> Bill:  # noqa: ARG002 - the protocol's
        """Return the picture that came out, if one did (see `Renderer.bill`)."""
        return own_bill(result)

    def _prepare(
        self, task: RenderTask, photos: Arrays, masks: Arrays, canvases: dict[str, Canvas]
    ) -> CandidateError | None:
        """Fit the task's photo; return what is wrong with the task alone, before it joins a batch."""
        if task.model_version != self.version.digest:
            raise ModelError(
                f"candidate {task.candidate_id[:12]} is of model version {task.model_version[:12]}, "
                f"this renderer is {self.version.digest[:12]}",
                fix="plan again, or load that version's weights",
            )
        problem = missing_reference(task, photos)
        if problem:
            return problem
        if task.route != "inpaint":
            return None
        canvas = canvas_of(task, photos, masks)
        if isinstance(canvas, CandidateError):
            return canvas
        canvases[task.candidate_id] = canvas
        return None

    def _render_within_memory(
        self, batch: list[RenderTask], photos: Arrays, canvases: dict[str, Canvas]
    ) -> list[np.ndarray | RenderError]:
        """Render a batch; out of memory halves it, for this batch and those to come."""
        try:
            return self._render_batch(batch, photos, canvases)
        except torch.OutOfMemoryError as error:
            self._halve(error)
        # Outside the handler, which keeps the failed attempt's tensors alive.
        free_cache(self._place)
        parts = [self._render_within_memory(part, photos, canvases) for part in self.batches(batch)]
        return [picture for part in parts for picture in part]

    def _halve(self, error: torch.OutOfMemoryError) -> None:
        if self._kind.batch == 1:
            raise ModelError(
                f"model {self.version.model!r} has no memory left for one candidate on {self.device}",
                fix="choose a smaller size or a profile in half precision, or free the device",
            ) from error
        self._kind.batch //= 2
        _LOG.warning("out of memory: %s goes on with batches of %d", self.version.name, self._kind.batch)

    def _render_batch(
        self, batch: list[RenderTask], photos: Arrays, canvases: dict[str, Canvas]
    ) -> list[np.ndarray | RenderError]:
        padded = batch + [batch[-1]] * (self._kind.batch - len(batch))
        # Every time: scorers and trainers in this process set threads too.
        torch.set_num_threads(self._kind.threads)
        with torch.inference_mode():
            laps = laps_on(self._place)
            latents = self._latents(padded, photos, canvases, laps)
            laps.lap("denoise")
            pixels, finite = decode(self.pipeline.vae, latents)
            laps.lap("decode")
        METER.laps(laps, len(batch))
        return [
            picture_of(*each, canvases.get(each[0].candidate_id))
            for each in zip(batch, pixels[: len(batch)], finite[: len(batch)], strict=True)
        ]

    def _latents(
        self, tasks: list[RenderTask], photos: Arrays, canvases: dict[str, Canvas], laps: Laps
    ) -> torch.Tensor:
        """Denoise tasks of equal route, parameters and chunks -> (n, 4, h, w)."""
        parameters, scale = tasks[0].parameters, tasks[0].parameters["cfg_scale"]
        pairs = [self.text.pair(task.prompt, task.negative_prompt) for task in tasks]
        laps.lap("text_encode")
        width, height = sides(parameters["size"])
        looks = self._references.looks(tasks, photos)
        conditioning, guided = condition(self.pipeline.unet, pairs, (height, width), scale, looks)
        guidance = Guidance(conditioning, guided, scale, self._profile.cfg_share or 1.0)
        # A scheduler keeps state between batches that not every setup forgets.
        scheduler = type(self.pipeline.scheduler).from_config(self.pipeline.scheduler.config)
        generators = [torch.Generator("cpu").manual_seed(task.seed) for task in tasks]
        if tasks[0].route == "inpaint":
            start = self._from_photos(
                scheduler, parameters, [canvases[t.candidate_id] for t in tasks], generators
            )
        else:
            cell = self.pipeline.vae_scale_factor
            shape = (self.pipeline.unet.config.in_channels, height // cell, width // cell)
            start = from_noise(scheduler, parameters["steps"], shape, generators, self._place)
        return denoise(self._denoiser, scheduler, start, guidance, generators)

    def _from_photos(
        self,
        scheduler: Any,  # noqa: ANN401 - any diffusers scheduler
        parameters: dict[str, Any],
        canvases: list[Canvas],
        generators: list[torch.Generator],
    ) -> Start:
        photos, paint = stack(canvases)
        latents = encode(self.pipeline.vae, photos, generators)
        return from_photos(scheduler, parameters["steps"], parameters["strength"], latents, paint, generators)

    def _new_denoiser(self) -> Denoiser:
        compile_on = self._place if self._profile.compiled else None
        return Denoiser(self.pipeline.unet, self._profile.cache_interval, compile_on)


def _encoders(pipeline: Any) -> list[tuple[Any, Any]]:  # noqa: ANN401 - any diffusers pipeline
    """Return the (tokenizer, text encoder) pairs: one in SD1.5, two in SDXL."""
    parts = pipeline.components
    return [
        (parts[f"tokenizer{number}"], parts[f"text_encoder{number}"])
        for number in ("", "_2")
        if parts.get(f"text_encoder{number}") is not None
    ]
