"""Render with diffusers' own Stable Diffusion pipelines from local safetensors.

A candidate's pixels depend on its task alone: every batch has the same shape (short ones are padded with
repeats of the last task), each candidate has its own generator, and prompts are embedded one by one.
"""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import diffusers
import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_inpaint import (
    StableDiffusionInpaintPipeline,
)
from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging

from plateful.errors import ConfigError, ModelError, RenderError
from plateful.models.profile import ServingProfile
from plateful.models.versions import ModelVersion
from plateful.rendering.inpainting import Canvas, fit
from plateful.rendering.renderer import Arrays, CandidateError
from plateful.rendering.task import RenderTask
from plateful.rendering.text import TextEmbedder

LORA_FILE = "pytorch_lora_weights.safetensors"
_CPU_DEVICE = re.compile(r"cpu, (\d+) threads")


class DiffusersRenderer:
    """One loaded model version.

    Args:
        version: model version, its weights verified by `resolve_model`.
        device: torch device; default the first GPU, else the CPU.
        threads: CPU threads; default one per core. Another number gives other last bits (measured: 1 against
            2), so on a CPU it is part of the device kind.
    """

    def __init__(self, version: ModelVersion, device: str | None = None, threads: int | None = None) -> None:
        _quiet()
        self.version = version
        _, self._profile = version.own
        self._place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self._threads = threads or len(os.sched_getaffinity(0))
        place = self._place
        self._text_to_image = _load(version).to(place)
        self._inpaint = StableDiffusionInpaintPipeline(
            **self._text_to_image.components, requires_safety_checker=False
        )
        for pipeline in (self._text_to_image, self._inpaint):
            pipeline.set_progress_bar_config(disable=True)
        self.text = TextEmbedder(self._text_to_image.tokenizer, self._text_to_image.text_encoder)

    @property
    def device(self) -> str:
        """Device kind, as manifests record it: the GPU's name, or `cpu, 2 threads`."""
        if self._place.type == "cuda":
            return torch.cuda.get_device_name(self._place)
        return f"{self._place.type}, {self._threads} threads"

    @contextmanager
    def like(self, device: str) -> Iterator[None]:
        """Render with the CPU threads of a recorded device kind inside the block; a GPU stays what it is."""
        own = self._threads
        recorded = _CPU_DEVICE.fullmatch(device)
        if recorded and self._place.type == "cpu":
            self._threads = int(recorded[1])
        try:
            yield
        finally:
            self._threads = own

    def batches(self, tasks: Sequence[RenderTask]) -> list[list[RenderTask]]:
        """Group tasks of equal route, parameters and prompt chunks into batches of the profile's size."""
        groups: dict[tuple, list[RenderTask]] = {}
        for task in tasks:
            chunks = self.text.chunks(task.prompt, task.negative_prompt)
            shape = (task.route, tuple(sorted(task.parameters.items())), chunks)
            groups.setdefault(shape, []).append(task)
        size = self._profile.batch
        return [
            group[start : start + size] for group in groups.values() for start in range(0, len(group), size)
        ]

    def render(
        self, tasks: Sequence[RenderTask], init_images: Arrays, masks: Arrays
    ) -> list[np.ndarray | RenderError]:
        """Return one uint8 RGB picture (size, size, 3) or error per task, in order (see `Renderer.render`).

        Raises:
            ModelError: a task is of another model version.
        """
        done: dict[str, np.ndarray | RenderError] = {}
        canvases: dict[str, Canvas] = {}
        for task in tasks:
            problem = self._prepare(task, init_images, masks, canvases)
            if problem:
                done[task.candidate_id] = problem
        for batch in self.batches([t for t in tasks if t.candidate_id not in done]):
            pictures = self._render_batch(batch, canvases)
            done.update(zip((t.candidate_id for t in batch), pictures, strict=True))
        return [done[task.candidate_id] for task in tasks]

    def _prepare(
        self, task: RenderTask, init_images: Arrays, masks: Arrays, canvases: dict[str, Canvas]
    ) -> CandidateError | None:
        """Fit the task's photo; return what is wrong with the task alone, before it joins a batch."""
        if task.model_version != self.version.digest:
            raise ModelError(
                f"candidate {task.candidate_id[:12]} is of model version {task.model_version[:12]}, "
                f"this renderer is {self.version.digest[:12]}",
                fix="plan again, or load that version's weights",
            )
        if task.route != "inpaint":
            return None
        photo, mask = init_images.get(task.init_sha256 or ""), masks.get(task.mask_sha256 or "")
        if photo is None or mask is None:
            missing = "photo" if photo is None else "mask"
            return _failure(task, "init_image_unreadable", f"its {missing} is missing or cannot be opened")
        try:
            canvases[task.candidate_id] = fit(photo, mask, task.parameters["size"])
        except ValueError as error:
            return _failure(task, "init_image_unreadable", str(error))
        return None

    def _render_batch(
        self, batch: list[RenderTask], canvases: dict[str, Canvas]
    ) -> list[np.ndarray | RenderError]:
        padded = batch + [batch[-1]] * (self._profile.batch - len(batch))
        pairs = [self.text.pair(task.prompt, task.negative_prompt) for task in padded]
        parameters = batch[0].parameters
        shared: dict[str, Any] = {
            "prompt_embeds": torch.cat([positive for positive, _ in pairs]),
            "negative_prompt_embeds": torch.cat([negative for _, negative in pairs]),
            "num_inference_steps": parameters["steps"],
            "guidance_scale": parameters["cfg_scale"],
            "generator": [torch.Generator("cpu").manual_seed(task.seed) for task in padded],
            "height": parameters["size"],
            "width": parameters["size"],
            "output_type": "pt",
        }
        # Every time: scorers and trainers in this process set threads too.
        torch.set_num_threads(self._threads)
        with torch.inference_mode():
            if batch[0].route == "inpaint":
                photos, paints = _stack([canvases[task.candidate_id] for task in padded])
                strength = parameters["strength"]
                images: Any = self._inpaint(
                    image=photos, mask_image=paints, strength=strength, return_dict=False, **shared
                )[0]
            else:
                images = self._text_to_image(return_dict=False, **shared)[0]
        return [
            _picture(task, image, canvases.get(task.candidate_id))
            for task, image in zip(batch, images[: len(batch)], strict=True)
        ]


@lru_cache(maxsize=2)
def get_renderer(version: ModelVersion) -> DiffusersRenderer:
    """Return the process's renderer of a model version, loading it once. Versions are equal by digest."""
    return DiffusersRenderer(version)


def _load(version: ModelVersion) -> StableDiffusionPipeline:
    folder, profile = version.own
    _refuse_unknown(version, profile)
    local = {"dtype": getattr(torch, profile.dtype), "local_files_only": True, "use_safetensors": True}
    parts: dict[str, Any] = {}
    if profile.vae == "tiny":
        parts["vae"] = AutoencoderTiny.from_pretrained(folder / "tiny_vae", **local)
    pipeline = StableDiffusionPipeline.from_pretrained(
        folder / "pipeline", safety_checker=None, requires_safety_checker=False, **parts, **local
    )
    if profile.adapter is not None:
        pipeline.load_lora_weights(str(folder / profile.adapter), weight_name=LORA_FILE, **local)
        # Merged: a picture costs what it costs without one.
        pipeline.fuse_lora()
        pipeline.unload_lora_weights()
    if profile.scheduler != "shipped":
        pipeline.scheduler = _scheduler_class(profile.scheduler).from_config(pipeline.scheduler.config)
    return pipeline


def _refuse_unknown(version: ModelVersion, profile: ServingProfile) -> None:
    """Serve nothing under a name that promises more than this loop does."""
    options = {name: getattr(profile, name) for name in ("cfg_share", "cache_interval", "compiled")}
    wanted = [f"{name} = {value}" for name, value in options.items() if value is not None]
    if version.entry.family != "sd15":
        wanted.insert(0, f"family = {version.entry.family}")
    if wanted:
        raise ModelError(
            f"model {version.model!r}: this renderer does not know {', '.join(wanted)}",
            fix="use a model of family sd15 and a profile without these options",
        )


def _scheduler_class(name: str) -> Any:  # noqa: ANN401 - any diffusers scheduler class
    found = getattr(diffusers, name, None) if name.endswith("Scheduler") else None
    if found is None:
        raise ConfigError(
            f"scheduler {name!r} is not in diffusers",
            fix="write 'shipped' or a diffusers class such as DDIMScheduler in the serving profile",
        )
    return found


def _stack(canvases: list[Canvas]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return photos (n, 3, size, size) and paint masks (n, 1, size, size), both in [0, 1]."""
    photos = np.stack([canvas.photo for canvas in canvases]).astype(np.float32) / 255
    paints = np.stack([canvas.paint for canvas in canvases])[:, None]
    return torch.from_numpy(photos.transpose(0, 3, 1, 2).copy()), torch.from_numpy(paints)


def _picture(task: RenderTask, image: torch.Tensor, canvas: Canvas | None) -> np.ndarray | RenderError:
    """Turn one (3, size, size) tensor in [0, 1] into a picture, or into what is wrong with it."""
    size = task.parameters["size"]
    if not torch.isfinite(image).all():
        return _failure(task, "not_finite", "the picture has values that are not finite")
    if image.shape != (3, size, size):
        return _failure(task, "wrong_shape", f"the picture is {tuple(image.shape)}, not (3, {size}, {size})")
    pixels = (image.float() * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    return np.ascontiguousarray(canvas.composite(pixels) if canvas else pixels)


def _failure(task: RenderTask, reason: str, detail: str) -> CandidateError:
    return CandidateError(
        reason,
        f"candidate {task.candidate_id[:12]} of request {task.request_id}: {detail}",
        fix="look at its prompt and photo, then ask for new pictures of the product",
    )


def _quiet() -> None:
    for log in (diffusers_logging, transformers_logging):
        log.set_verbosity_error()
        log.disable_progress_bar()
