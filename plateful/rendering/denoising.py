"""The denoising loop: guidance in one call and cut off, any diffusers scheduler, inpainting by latents.

The loop is ours because the pipelines' own evaluates guidance to the last step, caches nothing on UNets, and
runs SDXL's two branches one after the other in its modular form. Latents are float32 in every profile: the
scheduler's small differences would drown in half precision.
"""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import torch
from diffusers.utils.torch_utils import randn_tensor

from plateful.rendering.conditioning import Conditioning
from plateful.rendering.deepcache import Denoiser

Generators = Sequence[torch.Generator]


@dataclass(frozen=True)
class Guidance:
    """Classifier-free guidance of a batch.

    Attributes:
        conditioning: 2 n rows, the negative ones first, when `guided`, else n.
        guided: whether there is guidance at all.
        scale: guidance scale.
        share: share of the steps that have it; after it only the prompt's rows are evaluated.
    """

    conditioning: Conditioning
    guided: bool
    scale: float
    share: float = 1.0

    def steps(self, total: int) -> int:
        """Return how many of `total` steps, the first ones, are guided."""
        return ceil(self.share * total) if self.guided else 0


@dataclass(frozen=True)
class Known:
    """The part of the pictures that inpainting keeps.

    Attributes:
        latents: (n, 4, h, w) of the photos.
        paint: (n, 1, h, w), 1 where to paint.
        noise: (n, 4, h, w) that the start was made with.
    """

    latents: torch.Tensor
    paint: torch.Tensor
    noise: torch.Tensor

    def restored(self, latents: torch.Tensor, scheduler: Any, timestep: torch.Tensor | None) -> torch.Tensor:  # noqa: ANN401 - any diffusers scheduler
        """Put the known latents back, noised as at the next timestep; None after the last step."""
        kept = self.latents
        if timestep is not None:
            kept = scheduler.add_noise(self.latents, self.noise, timestep[None])
        return (1 - self.paint) * kept + self.paint * latents


@dataclass(frozen=True)
class Start:
    """Where denoising starts: (n, 4, h, w) latents, the timesteps to run, and what inpainting keeps."""

    latents: torch.Tensor
    timesteps: torch.Tensor
    known: Known | None = None


def from_noise(
    scheduler: Any,  # noqa: ANN401 - any diffusers scheduler
    steps: int,
    shape: tuple[int, int, int],
    generators: Generators,
    device: torch.device,
) -> Start:
    """Start from pure noise of (channels, h, w) latents, one generator a candidate; sets the scheduler up."""
    timesteps = _timesteps(scheduler, steps, 1.0, device)
    noise = _noise(shape, generators, device)
    return Start(noise * scheduler.init_noise_sigma, timesteps)


def from_photos(
    scheduler: Any,  # noqa: ANN401 - any diffusers scheduler
    steps: int,
    strength: float,
    photos: torch.Tensor,
    paint: torch.Tensor,
    generators: Generators,
) -> Start:
    """Start an inpainting: photo latents noised by `strength`, and kept outside the mask at every step.

    Args:
        scheduler: is set up.
        steps: of a whole run; `strength` says how much of it is done.
        strength: share of the steps, of at least one; 1 starts from pure noise.
        photos: (n, 4, h, w) latents.
        paint: (n, 1, height, width) mask in pixels, 1 where to paint.
        generators: one a candidate.
    """
    timesteps = _timesteps(scheduler, steps, strength, photos.device)
    noise = _noise(tuple(photos.shape[1:]), generators, photos.device)
    mask = torch.nn.functional.interpolate(paint, size=photos.shape[-2:]).to(photos)
    if strength == 1.0:
        latents = noise * scheduler.init_noise_sigma
    else:
        latents = scheduler.add_noise(photos, noise, timesteps[:1].repeat(len(photos)))
    return Start(latents, timesteps, Known(photos, mask, noise))


def denoise(
    denoiser: Denoiser,
    scheduler: Any,  # noqa: ANN401 - any diffusers scheduler
    start: Start,
    guidance: Guidance,
    generators: Generators,
) -> torch.Tensor:
    """Return the denoised latents (n, 4, h, w), float32."""
    latents, extra = start.latents, _step_arguments(scheduler, generators)
    guided_steps = guidance.steps(len(start.timesteps))
    for index, timestep in enumerate(start.timesteps):
        noise = _predicted(
            denoiser, index, scheduler.scale_model_input(latents, timestep), timestep, guidance, guided_steps
        )
        latents = scheduler.step(noise, timestep, latents, **extra, return_dict=False)[0]
        if start.known:
            later = start.timesteps[index + 1] if index + 1 < len(start.timesteps) else None
            latents = start.known.restored(latents, scheduler, later)
    return latents


def _predicted(
    denoiser: Denoiser,
    index: int,
    sample: torch.Tensor,
    timestep: torch.Tensor,
    guidance: Guidance,
    guided_steps: int,
) -> torch.Tensor:
    sample = sample.to(denoiser.unet.dtype)
    if index >= guided_steps:
        rows = guidance.conditioning.last(len(sample))
        return denoiser.predict(index, sample, timestep, rows).float()
    both = denoiser.predict(index, torch.cat([sample, sample]), timestep, guidance.conditioning).float()
    negative, positive = both.chunk(2)
    return negative + guidance.scale * (positive - negative)


def _timesteps(scheduler: Any, steps: int, strength: float, device: torch.device) -> torch.Tensor:  # noqa: ANN401 - any diffusers scheduler
    """Set the scheduler up; return the timesteps of the last `strength` of a run, as diffusers counts."""
    scheduler.set_timesteps(steps, device=device)
    begin = (steps - min(int(steps * strength), steps)) * scheduler.order
    # Told where it stands, a scheduler need not search its timesteps, which waits for the GPU.
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(begin)
    return scheduler.timesteps[begin:]


def _noise(shape: tuple[int, ...], generators: Generators, device: torch.device) -> torch.Tensor:
    whole = (len(generators), *shape)
    return randn_tensor(whole, generator=list(generators), device=device, dtype=torch.float32)


def _step_arguments(scheduler: Any, generators: Generators) -> dict[str, Any]:  # noqa: ANN401 - any diffusers scheduler
    """Stochastic schedulers draw from the candidates' own generators."""
    taken = inspect.signature(scheduler.step).parameters
    return {"generator": list(generators)} if "generator" in taken else {}
