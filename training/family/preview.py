"""The preview: a LoRA with which the UNet draws in two to four steps, by latent consistency distillation.

Luo et al., "LCM-LoRA: A Universal Stable-Diffusion Acceleration Module" (2023). The teacher is the trained
UNet with guidance, so the preview needs none: a picture costs 4 evaluations instead of 24.
"""

from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from diffusers import DDPMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from diffusers.utils.state_dict_utils import convert_state_dict_to_diffusers
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from torch import nn

from training.family.checkpoint import FILE as CHECKPOINT
from training.family.checkpoint import digest, load, read_state
from training.family.denoiser import CaptionedLatents, load_unet
from training.family.loop import fit
from training.family.session import Session

# LCMScheduler's own boundary: the prediction counts where there is noise, the sample where there is none.
SIGMA_DATA, TIMESTEP_SCALING = 0.5, 10.0
# Pseudo-Huber: quadratic below this error, linear above.
HUBER = 0.01
FILE = "pytorch_lora_weights.safetensors"


def with_adapter(unet: UNet2DConditionModel, sizes: dict) -> UNet2DConditionModel:
    """The same UNet, frozen, with an untrained LoRA of the recipe's configuration."""
    unet.requires_grad_(False)
    unet.add_adapter(LoraConfig(**sizes))
    return unet


class ConsistencyLearner:
    """A step along the guided teacher's path must not change where the student says the path ends."""

    def __init__(self, session: Session) -> None:
        self.settings, self.count = (
            session.recipe.parts.preview,
            session.batch_of(session.recipe.parts.preview),
        )
        torch.manual_seed(self.settings.seed)
        self.plates = CaptionedLatents(session)
        self.teacher = load_unet(session, self.plates.text_width).to(memory_format=torch.channels_last)
        self.models = nn.ModuleDict({"unet": with_adapter(deepcopy(self.teacher), self.settings.model)})
        self.inputs = {**self.plates.inputs, "UNet": digest(session.folder("unet"))}
        noise = DDPMScheduler(**session.recipe.parts.unet.scheduler, clip_sample=False)
        self.signal = noise.alphas_cumprod.sqrt().to(session.device)
        self.spread = (1 - noise.alphas_cumprod).sqrt().to(session.device)
        self.empty = self.plates.states([0])

    def loss(self, rng: np.random.Generator, fraction: float) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:  # noqa: ARG002
        """One batch: noisy latents on the teacher's grid, one guided step back, and both ends compared."""
        clean, states = self.plates.take(rng, self.count)
        steps, device = self.settings.grid_steps, clean.device
        stride = len(self.signal) // steps
        place = torch.from_numpy(rng.integers(1, steps + 1, self.count)).to(device)
        start, end = place * stride - 1, (place * stride - 1 - stride).clamp(min=0)
        noisy = _at(self.signal, start) * clean + _at(self.spread, start) * torch.randn(clean.shape).to(
            device
        )
        with torch.no_grad():
            plain = self.teacher(noisy, start, self.empty.expand_as(states)).sample.float()
            velocity = plain + self.settings.guidance * (
                self.teacher(noisy, start, states).sample.float() - plain
            )
            drawn = _at(self.signal, start) * noisy - _at(self.spread, start) * velocity
            noise = _at(self.signal, start) * velocity + _at(self.spread, start) * noisy
            earlier = _at(self.signal, end) * drawn + _at(self.spread, end) * noise
            goal = self._end(earlier, end, states)
        error = self._end(noisy, start, states) - goal
        return ((error**2 + HUBER**2).sqrt() - HUBER).mean(), {}

    def _end(self, noisy: torch.Tensor, level: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
        """Where the student says that the path through `noisy` at `level` ends."""
        velocity = self.models["unet"](noisy, level, states).sample.float()
        drawn = _at(self.signal, level) * noisy - _at(self.spread, level) * velocity
        scaled = (level * TIMESTEP_SCALING).view(-1, 1, 1, 1)
        keep = SIGMA_DATA**2 / (scaled**2 + SIGMA_DATA**2)
        return keep * noisy + scaled / (scaled**2 + SIGMA_DATA**2).sqrt() * drawn


def _at(values: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
    return values[level].view(-1, 1, 1, 1)


def train_preview(session: Session) -> None:
    """Distil until the budget is spent; a preview of another UNet is worth nothing and is begun anew."""
    folder = session.folder("preview")
    if read_state(folder).inputs.get("UNet") not in (None, digest(session.folder("unet"))):
        (folder / CHECKPOINT).unlink()
    fit(session, "preview", ConsistencyLearner(session))


def save_preview(session: Session, text_width: int, folder: Path) -> None:
    """Write the trained LoRA as any diffusers pipeline loads it, in float16."""
    unet = with_adapter(load_unet(session, text_width), session.recipe.parts.preview.model)
    models = nn.ModuleDict({"unet": unet})
    load(session.folder("preview"), models)
    layers = convert_state_dict_to_diffusers(get_peft_model_state_dict(models["unet"]))
    kept = truncated(layers, session.recipe.parts.preview.kept_rank)
    StableDiffusionPipeline.save_lora_weights(
        folder, unet_lora_layers={name: tensor.half() for name, tensor in kept.items()}, weight_name=FILE
    )


def truncated(layers: dict[str, torch.Tensor], rank: int) -> dict[str, torch.Tensor]:
    """Return each layer's best approximation of a lower rank (Eckart-Young), at unchanged scale.

    Args:
        layers: `<layer>.lora_A.weight` (r, in, ...) and `<layer>.lora_B.weight` (out, r, ...) pairs.
        rank: to keep of r.
    """
    kept = {}
    for name, down in layers.items():
        if ".lora_A." not in name:
            continue
        up = layers[name.replace(".lora_A.", ".lora_B.")]
        u, s, v = torch.linalg.svd(up.flatten(1).float() @ down.flatten(1).float(), full_matrices=False)
        root, few = s[:rank].sqrt(), min(rank, len(s))
        parts = {
            name: (root[:, None] * v[:rank]).reshape(few, *down.shape[1:]),
            name.replace(".lora_A.", ".lora_B."): (u[:, :rank] * root).reshape(len(up), few, *up.shape[2:]),
        }
        kept |= {place: tensor.contiguous() for place, tensor in parts.items()}
    return kept
