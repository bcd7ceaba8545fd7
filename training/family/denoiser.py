"""The UNet: v-prediction on cached latents, conditioned on the frozen text tower of the trained CLIP."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from diffusers import DDPMScheduler, DPMSolverMultistepScheduler, UNet2DConditionModel
from torch import nn
from torch.nn import functional as F

from training.family.autoencoder import load_latents
from training.family.checkpoint import load
from training.family.clip import load_clip
from training.family.corpus import load_corpus
from training.family.loop import fit
from training.family.session import Session
from training.family.tokenizer import load_tokenizer


def build_unet(sizes: dict[str, Any], side: int, text_width: int) -> UNet2DConditionModel:
    """An untrained UNet of the recipe's sizes for 4-channel latents of `side` x `side`."""
    return UNet2DConditionModel(
        sample_size=side, in_channels=4, out_channels=4, cross_attention_dim=text_width, **sizes
    )


def shipped_scheduler(settings: dict[str, Any]) -> DPMSolverMultistepScheduler:
    """The sampler of the exported pipeline (DPM++ 2M) with the recipe's noise schedule."""
    # DDIM, with which the preview draws, would clip latents to [-1, 1] unless the folder says otherwise.
    return DPMSolverMultistepScheduler.from_config({**settings, "clip_sample": False})


class CaptionedLatents:
    """Cached latents with their plates' captions, embedded by the frozen text tower of the trained CLIP."""

    def __init__(self, session: Session) -> None:
        corpus = load_corpus(session)
        clip, clip_digest = load_clip(session)
        latents, scale, source = load_latents(session)
        self.device, self.side = session.device, latents.shape[-1]
        self.latents = torch.from_numpy(latents.astype(np.float32) * scale)
        self.text_encoder, self.text_width = clip.text_model, clip.config.text_config.hidden_size
        self.tokens, self.spans = _tokenize(session, [corpus.records[i]["captions"] for i in corpus.clean])
        self.inputs = {"plates": corpus.source, "autoencoder": source, "CLIP": clip_digest}

    def take(
        self, rng: np.random.Generator, count: int, dropout: float = 0.0
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Clean latents (count, 4, h, w) and the states (count, 77, d) of a caption each, sometimes empty."""
        picked = rng.integers(len(self.latents), size=count)
        rows = [rng.integers(*self.spans[i]) if rng.random() >= dropout else 0 for i in picked]
        clean = self.latents[picked].to(self.device)
        return clean.contiguous(memory_format=torch.channels_last), self.states(rows)

    @torch.no_grad()
    def states(self, rows: list[int]) -> torch.Tensor:
        """Text states (n, 77, d) of captions by their row; row 0 is the empty one."""
        return self.text_encoder(self.tokens[rows].to(self.device))[0]


class DenoisingLearner:
    """Mean squared error on the velocity over uniform noise levels; some captions are empty, for guidance."""

    def __init__(self, session: Session) -> None:
        self.settings, self.count = session.recipe.parts.unet, session.batch_of(session.recipe.parts.unet)
        torch.manual_seed(self.settings.seed)
        self.plates = CaptionedLatents(session)
        self.noise = DDPMScheduler(**self.settings.scheduler, clip_sample=False)
        unet = build_unet(self.settings.model, self.plates.side, self.plates.text_width)
        self.models = nn.ModuleDict({"unet": unet})
        self.inputs = self.plates.inputs

    def loss(self, rng: np.random.Generator, fraction: float) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:  # noqa: ARG002
        """One batch: clean latents, a caption each, noise, the velocity's error."""
        count = self.count
        clean, states = self.plates.take(rng, count, self.settings.caption_dropout)
        noise = torch.randn(clean.shape).to(clean.device)
        # One level in each of `count` equal ranges: less variance in the loss at no cost.
        spread = (np.arange(count) + rng.random(count)) / count * self.noise.config.num_train_timesteps
        levels = torch.from_numpy(spread.astype(np.int64)).to(clean.device)
        noisy = self.noise.add_noise(clean, noise, levels)
        found = self.models["unet"](noisy, levels, states).sample
        return F.mse_loss(found.float(), self.noise.get_velocity(clean, noise, levels)), {}


def _tokenize(session: Session, captions: list[list[str]]) -> tuple[torch.Tensor, list[tuple[int, int]]]:
    """Token ids of the empty caption and all others, padded as the pipeline pads; rows of each plate."""
    texts, spans = [""], []
    for variants in captions:
        spans.append((len(texts), len(texts) + len(variants)))
        texts.extend(variants)
    made = load_tokenizer(session)(texts, padding="max_length", truncation=True, return_tensors="pt")
    return made.input_ids, spans


def train_unet(session: Session, interim: Callable[[], None] | None = None) -> None:
    """Train the UNet until its budget is spent; `interim` is called at the recipe's interim step."""
    learner = DenoisingLearner(session)
    average = deepcopy(learner.models).to(session.device).requires_grad_(False)

    def at_step(step: int, keep: Callable[[], None]) -> None:
        if interim is not None and step == session.recipe.parts.unet.interim_export_step:
            keep()
            interim()

    fit(session, "unet", learner, average, learner.settings.ema, at_step)


def load_unet(session: Session, text_width: int) -> UNet2DConditionModel:
    """The trained UNet (running average of its weights), in evaluation mode."""
    side = session.recipe.picture_px // 8
    models = nn.ModuleDict({"unet": build_unet(session.recipe.parts.unet.model, side, text_width)})
    load(session.folder("unet"), models, averaged=True)
    return models["unet"].to(session.device).eval().requires_grad_(False)
