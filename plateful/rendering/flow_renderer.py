"""Render with the flow-matching families of diffusers, SD3.5 and FLUX, through their own pipelines.

A candidate's pixels depend on its task alone: every batch has the same shape (short ones are padded with
repeats of the last task), each candidate has its own generator, and prompts are embedded one by one. An init
image whose mask covers all of it is image to image.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from diffusers.pipelines.flux.pipeline_flux import FluxPipeline
from diffusers.pipelines.flux.pipeline_flux_inpaint import FluxInpaintPipeline
from diffusers.pipelines.stable_diffusion_3.pipeline_stable_diffusion_3 import StableDiffusion3Pipeline
from diffusers.pipelines.stable_diffusion_3.pipeline_stable_diffusion_3_inpaint import (
    StableDiffusion3InpaintPipeline,
)

from plateful.errors import ConfigError, ModelError, RenderError
from plateful.metrics.meter import METER
from plateful.models.capabilities import sides
from plateful.models.versions import ModelVersion
from plateful.rendering.billing import Bill, own_bill
from plateful.rendering.candidates import canvas_of, picture_of, stack
from plateful.rendering.device_kind import DeviceKind
from plateful.rendering.device_laps import laps_on
from plateful.rendering.inpainting import Canvas
from plateful.rendering.loading import free_cache, merge_lora, quiet, weight_bytes
from plateful.rendering.renderer import Arrays, CandidateError
from plateful.rendering.task import RenderTask

Conditioning = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Family:
    """Pipelines of a family, and how one prompt becomes what their calls take."""

    text_to_image: Any
    inpaint: Any
    embed: Callable[[Any, RenderTask], Conditioning]


def _embed_sd3(pipeline: Any, task: RenderTask) -> Conditioning:  # noqa: ANN401 - diffusers has no types
    guided = task.parameters["cfg_scale"] > 1
    prompt, negative, pooled, negative_pooled = pipeline.encode_prompt(
        task.prompt, None, None, negative_prompt=task.negative_prompt, do_classifier_free_guidance=guided
    )
    shared = {"prompt_embeds": prompt, "pooled_prompt_embeds": pooled}
    if not guided:
        return shared
    return {
        **shared,
        "negative_prompt_embeds": negative,
        "negative_pooled_prompt_embeds": negative_pooled,
    }


def _embed_flux(pipeline: Any, task: RenderTask) -> Conditioning:  # noqa: ANN401 - diffusers has no types
    prompt, pooled, _ = pipeline.encode_prompt(task.prompt, None)
    return {"prompt_embeds": prompt, "pooled_prompt_embeds": pooled}


FAMILIES = {
    "sd3": Family(StableDiffusion3Pipeline, StableDiffusion3InpaintPipeline, _embed_sd3),
    "flux": Family(FluxPipeline, FluxInpaintPipeline, _embed_flux),
}


class FlowRenderer:
    """One loaded model version of a flow-matching family.

    Args:
        version: model version, its weights verified by `resolve_model`.
        device: torch device; default the first GPU, else the CPU.
        threads: CPU threads; default one per core.
    """

    def __init__(self, version: ModelVersion, device: str | None = None, threads: int | None = None) -> None:
        self.version = version
        _, self._profile = version.own
        self._place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        batch, cores = self._profile.batch, len(os.sched_getaffinity(0))
        self._kind = DeviceKind(self._place, threads or cores, batch, usual=batch)
        self._family = FAMILIES[version.entry.family or ""]
        self._text_to_image = _load(version, self._family).to(self._place)
        self._inpaint = self._family.inpaint(**self._text_to_image.components)
        for pipeline in (self._text_to_image, self._inpaint):
            pipeline.set_progress_bar_config(disable=True)

    @property
    def device(self) -> str:
        """Device kind, as manifests record it: the GPU's name, or `cpu, 2 threads`."""
        return str(self._kind)

    @property
    def bytes(self) -> int:
        """Bytes of the loaded weights."""
        return weight_bytes(self._text_to_image)

    @contextmanager
    def like(self, device: str) -> Iterator[None]:
        """Render with a recorded device kind's CPU threads inside the block; a GPU stays one."""
        own, self._kind = self._kind, self._kind.like(device)
        try:
            yield
        finally:
            self._kind = own

    def flush(self) -> None:
        """Forget what another model has no use for: the GPU's cached blocks."""
        free_cache(self._place)

    def batches(self, tasks: Sequence[RenderTask]) -> list[list[RenderTask]]:
        """Group tasks of equal route and parameters into batches of the profile's size."""
        groups: dict[tuple, list[RenderTask]] = {}
        for task in tasks:
            groups.setdefault((task.route, tuple(sorted(task.parameters.items()))), []).append(task)
        size = self._kind.batch
        return [
            group[start : start + size] for group in groups.values() for start in range(0, len(group), size)
        ]

    def render(
        self, tasks: Sequence[RenderTask], photos: Arrays, masks: Arrays
    ) -> list[np.ndarray | RenderError]:
        """Return one uint8 RGB picture or error per task, in order (see `Renderer.render`).

        Raises:
            ModelError: a task is of another model version.
        """
        done: dict[str, np.ndarray | RenderError] = {}
        canvases: dict[str, Canvas] = {}
        for task in tasks:
            problem = self._prepare(task, photos, masks, canvases)
            if problem:
                done[task.candidate_id] = problem
        for batch in self.batches([task for task in tasks if task.candidate_id not in done]):
            done |= zip((task.candidate_id for task in batch), self._draw(batch, canvases), strict=True)
        return [done[task.candidate_id] for task in tasks]

    def bill(self, task: RenderTask, result: np.ndarray | RenderError) -> Bill:  # noqa: ARG002 - the protocol's
        """Return the picture that came out, if one did (see `Renderer.bill`)."""
        return own_bill(result)

    def _prepare(
        self, task: RenderTask, photos: Arrays, masks: Arrays, canvases: dict[str, Canvas]
    ) -> CandidateError | None:
        if task.model_version != self.version.digest:
            raise ModelError(
                f"candidate {task.candidate_id[:12]} is of model version {task.model_version[:12]}, "
                f"this renderer is {self.version.digest[:12]}",
                fix="plan again, or load that version's weights",
            )
        if task.route != "inpaint":
            return None
        canvas = canvas_of(task, photos, masks)
        if isinstance(canvas, CandidateError):
            return canvas
        canvases[task.candidate_id] = canvas
        return None

    def _draw(self, batch: list[RenderTask], canvases: dict[str, Canvas]) -> list[np.ndarray | RenderError]:
        padded = batch + [batch[-1]] * (self._kind.batch - len(batch))
        width, height = sides(batch[0].parameters["size"])
        shared: dict[str, Any] = {
            "num_inference_steps": batch[0].parameters["steps"],
            "guidance_scale": batch[0].parameters["cfg_scale"],
            "generator": [torch.Generator("cpu").manual_seed(task.seed) for task in padded],
            "height": height,
            "width": width,
            "output_type": "pt",
            "return_dict": False,
        }
        # Every time: scorers and trainers in this process set threads too.
        torch.set_num_threads(self._kind.threads)
        with torch.inference_mode():
            laps = laps_on(self._place)
            conditions = [self._family.embed(self._text_to_image, task) for task in padded]
            shared |= {name: torch.cat([each[name] for each in conditions]) for name in conditions[0]}
            laps.lap("text_encode")
            if batch[0].route == "inpaint":
                shared |= _painted([canvases[task.candidate_id] for task in padded])
                images: Any = self._inpaint(strength=batch[0].parameters["strength"], **shared)[0]
            else:
                images = self._text_to_image(**shared)[0]
            laps.lap("draw")
        pictures = [
            _picture(task, image, canvases.get(task.candidate_id))
            for task, image in zip(batch, images[: len(batch)], strict=True)
        ]
        METER.laps(laps, len(batch))
        return pictures


def _load(version: ModelVersion, family: Family) -> Any:  # noqa: ANN401 - any diffusers pipeline
    quiet()
    folder, profile = version.own
    if profile.scheduler != "shipped" or profile.vae != "kl" or profile.cache_interval or profile.cfg_share:
        raise ConfigError(
            f"model {version.model!r}: its profile names a scheduler, decoder, cache or guidance share, "
            "which flow models do not have",
            fix="write scheduler: shipped and vae: kl, and leave cache_interval and cfg_share out",
        )
    local = {"dtype": getattr(torch, profile.dtype), "local_files_only": True, "use_safetensors": True}
    pipeline = family.text_to_image.from_pretrained(folder / "pipeline", **local)
    if profile.adapter is not None:
        merge_lora(pipeline, folder / profile.adapter)
    return pipeline


def _painted(canvases: list[Canvas]) -> dict[str, torch.Tensor]:
    photos, paints = stack(canvases)
    return {"image": photos, "mask_image": paints}


def _picture(task: RenderTask, image: torch.Tensor, canvas: Canvas | None) -> np.ndarray | RenderError:
    """Turn one (3, height, width) tensor in [0, 1] into a picture, or into what is wrong with it."""
    finite = bool(torch.isfinite(image).all())
    pixels = (image.float() * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    return picture_of(task, pixels, finite, canvas)
