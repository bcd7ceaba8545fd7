"""The UNet: v-prediction on cached latents, conditioned on the frozen text tower of the trained CLIP."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
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


class DenoisingLearner:
    """Mean squared error on the velocity over uniform noise levels; some captions are empty, for guidance."""

    def __init__(self, session: Session) -> None:
        self.session, self.settings = session, session.recipe.parts.unet
        torch.manual_seed(self.settings.seed)
        corpus = load_corpus(session)
        clip, clip_digest = load_clip(session)
        latents, scale, source = load_latents(session)
        self.latents = torch.from_numpy(latents.astype(np.float32) * scale)
        self.text_encoder = clip.text_model
        self.tokens, self.spans = _tokenize(session, [corpus.records[i]["captions"] for i in corpus.clean])
        self.noise = DDPMScheduler(**self.settings.scheduler, clip_sample=False)
        unet = build_unet(self.settings.model, latents.shape[-1], clip.config.text_config.hidden_size)
        self.models = nn.ModuleDict({"unet": unet})
        self.inputs = {"autoencoder": source, "CLIP": clip_digest}

    def loss(self, rng: np.random.Generator, fraction: float) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:  # noqa: ARG002
        """One batch: clean latents, a caption each (row 0 is the empty one), noise, the velocity's error."""
        count, device = self.settings.batch, self.session.device
        picked = rng.integers(len(self.latents), size=count)
        rows = [
            rng.integers(*self.spans[i]) if rng.random() >= self.settings.caption_dropout else 0
            for i in picked
        ]
        clean = self.latents[picked].to(device)
        noise = torch.randn(clean.shape).to(device)
        # One level in each of `count` equal ranges: less variance in the loss at no cost.
        spread = (np.arange(count) + rng.random(count)) / count * self.noise.config.num_train_timesteps
        levels = torch.from_numpy(spread.astype(np.int64)).to(device)
        noisy = self.noise.add_noise(clean, noise, levels).contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            states = self.text_encoder(self.tokens[rows].to(device))[0]
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

    fit(session, "unet", learner, average, at_step)


def load_unet(session: Session, text_width: int) -> UNet2DConditionModel:
    """The trained UNet (running average of its weights), in evaluation mode."""
    side = session.recipe.picture_px // 8
    models = nn.ModuleDict({"unet": build_unet(session.recipe.parts.unet.model, side, text_width)})
    load(session.folder("unet"), models, averaged=True)
    return models["unet"].to(session.device).eval().requires_grad_(False)
