"""Render with the weights of diffusers' Stable Diffusion families, through our own denoising loop."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from plateful.models.capabilities import sides
from plateful.models.versions import ModelVersion
from plateful.rendering.candidates import stack
from plateful.rendering.conditioning import condition
from plateful.rendering.decoding import decode, encode
from plateful.rendering.deepcache import Denoiser
from plateful.rendering.denoising import Guidance, Start, denoise, from_noise, from_photos
from plateful.rendering.inpainting import Canvas
from plateful.rendering.loading import free_cache, load_pipeline
from plateful.rendering.local_renderer import LocalRenderer
from plateful.rendering.references import References
from plateful.rendering.renderer import Arrays
from plateful.rendering.task import RenderTask
from plateful.rendering.text import TextCache, TextEmbedder


class DiffusersRenderer(LocalRenderer):
    """One loaded model version.

    Args:
        version: model version (see LocalRenderer).
        device: torch device.
        threads: CPU threads.
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
        super().__init__(version, device, threads)
        self.pipeline = pipeline or load_pipeline(version, self._place)
        self.text = TextEmbedder(
            _encoders(self.pipeline), version.digest, TextCache() if texts is None else texts
        )
        self._references = References(self.pipeline, self._profile.reference_scale)
        self._denoiser = self._new_denoiser()
        self._kind.eager = bool(self._profile.compiled and not self._denoiser.compiled)

    def flush(self) -> None:
        """Forget what another model has no use for: embeddings, compiled code, the GPU's cached blocks."""
        self.text.flush()
        if self._denoiser.compiled:
            torch.compiler.reset()
        self._denoiser = self._new_denoiser()
        free_cache(self._place)

    def _shape(self, task: RenderTask) -> tuple:
        """Batches share prompt chunks too, and have reference images throughout or not at all."""
        chunks = self.text.chunks(task.prompt, task.negative_prompt)
        return (*super()._shape(task), chunks, task.reference_sha256 is not None)

    def _paint(
        self, tasks: list[RenderTask], photos: Arrays, canvases: Mapping[str, Canvas]
    ) -> tuple[np.ndarray, list[bool]]:
        return decode(self.pipeline.vae, self._latents(tasks, photos, canvases))

    def _latents(
        self, tasks: list[RenderTask], photos: Arrays, canvases: Mapping[str, Canvas]
    ) -> torch.Tensor:
        """Denoise tasks of equal route, parameters and chunks -> (n, 4, h, w)."""
        parameters, scale = tasks[0].parameters, tasks[0].parameters["cfg_scale"]
        pairs = [self.text.pair(task.prompt, task.negative_prompt) for task in tasks]
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
