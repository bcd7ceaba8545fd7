"""The preview: a LoRA with which the UNet draws in four steps, by distilling the teacher's own paths.

Progressive distillation (Salimans & Ho, "Progressive Distillation for Fast Sampling of Diffusion Models",
2022), the guidance distilled in (Meng et al., "On Distillation of Guided Diffusion Models", 2023), in one
stage: a few fixed jumps are learned along whole guided paths from pure noise. A picture costs 4 evaluations
instead of 24. Latent consistency distillation learns every level from its own guess at the next one; in ten
CPU-minutes it came to 43 % of the dishes where the teacher draws 86 %.
"""

from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from torch import nn
from torch.nn import functional as F

from training.family.checkpoint import FILE as CHECKPOINT
from training.family.checkpoint import digest, load, read_state
from training.family.denoiser import CaptionedLatents, load_unet, shipped_scheduler
from training.family.loop import fit
from training.family.session import Session

FILE = "pytorch_lora_weights.safetensors"


def with_adapter(unet: UNet2DConditionModel, sizes: dict) -> UNet2DConditionModel:
    """The same UNet, frozen, with an untrained LoRA of the recipe's configuration."""
    unet.requires_grad_(False)
    unet.add_adapter(LoraConfig(**sizes))
    return unet


class PathLearner:
    """Each of the student's jumps must end where the guided teacher's several small steps end."""

    def __init__(self, session: Session) -> None:
        self.settings = session.recipe.parts.preview
        self.paths = session.batch_of(self.settings)
        torch.manual_seed(self.settings.seed)
        self.plates = CaptionedLatents(session)
        self.teacher = load_unet(session, self.plates.text_width).to(memory_format=torch.channels_last)
        self.models = nn.ModuleDict({"unet": with_adapter(deepcopy(self.teacher), self.settings.model)})
        self.inputs = {**self.plates.inputs, "UNet": digest(session.folder("unet"))}
        self.scheduler_settings = session.recipe.parts.unet.scheduler
        self.empty = self.plates.states([0])

    def loss(self, rng: np.random.Generator, fraction: float) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:  # noqa: ARG002
        """Whole paths of a few captions, cut where the student stops: all its jumps at once."""
        _, states = self.plates.take(rng, self.paths)
        stops, levels, (signal, spread) = self._follow(states)
        starts, ends = torch.cat(stops[:-1]), torch.cat(stops[1:])
        levels = levels.repeat_interleave(self.paths)
        shares = (_per_picture(x, self.paths) for x in (signal[:-1], spread[:-1], signal[1:], spread[1:]))
        goal = velocity_between(starts, ends, *shares)
        found = self.models["unet"](starts, levels, states.repeat(self.settings.steps, 1, 1)).sample
        return F.mse_loss(found.float(), goal), {}

    @torch.no_grad()
    def _follow(
        self, states: torch.Tensor
    ) -> tuple[list[torch.Tensor], torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
        """The guided teacher's paths from noise, as the pipeline draws them.

        Returns:
            The latents (paths, 4, h, w) at the student's stops, start and end included; the noise level at
            which each jump starts; signal and noise shares at the stops.
        """
        settings, count = self.settings, len(states)
        scheduler = shipped_scheduler(self.scheduler_settings)
        scheduler.set_timesteps(settings.teacher_steps, device=states.device)
        side = self.plates.side
        latents = torch.randn(count, 4, side, side).to(states.device) * scheduler.init_noise_sigma
        both, every = (
            torch.cat([self.empty.expand_as(states), states]),
            settings.teacher_steps // settings.steps,
        )
        stops = [latents]
        for number, level in enumerate(scheduler.timesteps, start=1):
            twice = torch.cat([latents, latents]).contiguous(memory_format=torch.channels_last)
            plain, asked = self.teacher(twice, level, both).sample.float().chunk(2)
            velocity = plain + settings.guidance * (asked - plain)
            latents = scheduler.step(velocity, level, latents).prev_sample
            if number % every == 0:
                stops.append(latents)
        sigmas = scheduler.sigmas[::every].to(states.device)
        shares = 1 / (1 + sigmas**2).sqrt(), sigmas / (1 + sigmas**2).sqrt()
        return stops, scheduler.timesteps[::every], shares


def velocity_between(
    starts: torch.Tensor,
    ends: torch.Tensor,
    signal: torch.Tensor,
    spread: torch.Tensor,
    signal_after: torch.Tensor,
    spread_after: torch.Tensor,
) -> torch.Tensor:
    """The velocity with which a single DDIM step leads from `starts` to `ends` (n, 4, h, w).

    A noisy latent is `signal` times the clean one plus `spread` times noise; shares broadcast to the latents.
    """
    kept = spread_after / spread
    clean = (ends - kept * starts) / (signal_after - kept * signal)
    return (signal * starts - clean) / spread


def _per_picture(values: torch.Tensor, count: int) -> torch.Tensor:
    return values.repeat_interleave(count).view(-1, 1, 1, 1)


def train_preview(session: Session) -> None:
    """Distil until the budget is spent; a preview of another UNet is worth nothing and is begun anew."""
    folder = session.folder("preview")
    if read_state(folder).inputs.get("UNet") not in (None, digest(session.folder("unet"))):
        (folder / CHECKPOINT).unlink()
    fit(session, "preview", PathLearner(session))


def save_preview(session: Session, text_width: int, folder: Path) -> None:
    """Write the trained LoRA as any diffusers pipeline loads it, in float16."""
    unet = with_adapter(load_unet(session, text_width), session.recipe.parts.preview.model)
    models = nn.ModuleDict({"unet": unet})
    load(session.folder("preview"), models)
    # peft's own names: diffusers' converter renames attention alone, and a loader takes one kind of name.
    layers = get_peft_model_state_dict(models["unet"])
    StableDiffusionPipeline.save_lora_weights(
        folder, unet_lora_layers={name: tensor.half() for name, tensor in layers.items()}, weight_name=FILE
    )
