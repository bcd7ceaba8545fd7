"""Render with the flow-matching families of diffusers, SD3.5 and FLUX, through their own pipelines.

An init image whose mask covers all of it is image to image.
"""

from collections.abc import Callable, Mapping
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

from plateful.errors import ConfigError
from plateful.models.capabilities import sides
from plateful.models.versions import ModelVersion
from plateful.rendering.candidates import stack
from plateful.rendering.compiling import compiled_or_eager
from plateful.rendering.inpainting import Canvas
from plateful.rendering.loading import free_cache, merge_lora, quiet
from plateful.rendering.local_renderer import LocalRenderer
from plateful.rendering.renderer import Arrays
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


class FlowRenderer(LocalRenderer):
    """One loaded model version of a flow-matching family (see LocalRenderer)."""

    def __init__(self, version: ModelVersion, device: str | None = None, threads: int | None = None) -> None:
        super().__init__(version, device, threads)
        self._family = FAMILIES[version.entry.family or ""]
        self.pipeline = _load(version, self._family).to(self._place)
        self._inpaint = self._family.inpaint(**self.pipeline.components)
        for pipeline in (self.pipeline, self._inpaint):
            pipeline.set_progress_bar_config(disable=True)
        self._plain = self.pipeline.transformer.forward
        self._compiled = self._compile()
        self._kind.eager = bool(self._profile.compiled and not self._compiled)

    def flush(self) -> None:
        """Forget what another model has no use for: compiled code, the GPU's cached blocks."""
        if self._compiled:
            torch.compiler.reset()
            self._compile()
        free_cache(self._place)

    def _compile(self) -> bool:
        """Compile the transformer where the profile asks for it; return whether it is compiled."""
        if not self._profile.compiled:
            return False
        (self.pipeline.transformer.forward,), compiled = compiled_or_eager([self._plain], self._place)
        return compiled

    def _paint(
        self,
        tasks: list[RenderTask],
        photos: Arrays,  # noqa: ARG002 - no reference images
        canvases: Mapping[str, Canvas],
    ) -> tuple[np.ndarray, list[bool]]:
        width, height = sides(tasks[0].parameters["size"])
        arguments: dict[str, Any] = {
            "num_inference_steps": tasks[0].parameters["steps"],
            "guidance_scale": tasks[0].parameters["cfg_scale"],
            "generator": [torch.Generator("cpu").manual_seed(task.seed) for task in tasks],
            "height": height,
            "width": width,
            "output_type": "pt",
            "return_dict": False,
        }
        conditions = [self._family.embed(self.pipeline, task) for task in tasks]
        arguments |= {name: torch.cat([each[name] for each in conditions]) for name in conditions[0]}
        if tasks[0].route == "inpaint":
            arguments |= _painted([canvases[task.candidate_id] for task in tasks])
            images: Any = self._inpaint(strength=tasks[0].parameters["strength"], **arguments)[0]
        else:
            images = self.pipeline(**arguments)[0]
        return _pixels(images)


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


def _pixels(images: torch.Tensor) -> tuple[np.ndarray, list[bool]]:
    """Turn pictures (n, 3, height, width) in [0, 1] into uint8, and tell of each whether it was finite."""
    finite = torch.isfinite(images).flatten(1).all(dim=1)
    pixels = (images.float() * 255).round().to(torch.uint8).permute(0, 2, 3, 1)
    return pixels.cpu().numpy(), finite.tolist()
