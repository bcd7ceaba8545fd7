"""The autoencoders: AutoencoderTiny trained on crops, its latents, and AutoencoderKL distilled onto them."""

import math
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, AutoencoderTiny
from torch import nn
from torch.nn import functional as F

from plateful.errors import ModelError
from training.family.checkpoint import digest, load
from training.family.clip import pixels
from training.family.corpus import Corpus, load_corpus
from training.family.loop import fit
from training.family.meter import Progress
from training.family.passthrough import COLOUR_SCALE, pass_colour_through, pass_colour_through_norms
from training.family.recipe import Autoencoder
from training.family.session import Session, read_json, write_json

LATENT_PX = 8
SCALES = 3
# Without it 500 steps draw every dish in one brown: most of an L1 error is lightness, colour comes last.
COLOUR_WEIGHT = 1.5
ANCHOR_WEIGHT, SPREAD_WEIGHT = 0.1, 0.001
# The UNet's latents are never exact: the decoder learns to draw through this error (share of their spread).
LATENT_ERROR = 0.03


def picture_loss(made: torch.Tensor, true: torch.Tensor, edge_weight: float) -> torch.Tensor:
    """L1 on pixels, on their differences at three scales (edges, texture), and on each cell's mean colour."""
    made, true = made.float(), true.float()
    total = F.l1_loss(made, true)
    for _ in range(SCALES):
        error = made - true
        edges = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
        total = total + edge_weight * edges / SCALES
        made, true = F.avg_pool2d(made, 2), F.avg_pool2d(true, 2)
    return total + COLOUR_WEIGHT * _colour_error(made - true)


def _colour_error(error: torch.Tensor) -> torch.Tensor:
    """L1 on the opponent colours (red-green, blue-yellow) of an error (N, 3, h, w)."""
    red, green, blue = error.unbind(1)
    return (red - green).abs().mean() + (blue - (red + green) / 2).abs().mean()


def build_kl(sizes: dict[str, Any], px: int, scale: float = 1.0) -> AutoencoderKL:
    """An untrained AutoencoderKL of the recipe's sizes; `scale` becomes its scaling factor."""
    levels = len(sizes["block_out_channels"])
    return AutoencoderKL(
        down_block_types=["DownEncoderBlock2D"] * levels,
        up_block_types=["UpDecoderBlock2D"] * levels,
        sample_size=px,
        scaling_factor=scale,
        force_upcast=False,
        **sizes,
    )


def build_tiny(sizes: dict[str, Any], scale: float = 1.0) -> AutoencoderTiny:
    """An untrained AutoencoderTiny of the recipe's sizes; `scale` becomes its scaling factor."""
    channels = (sizes["channels"],) * len(sizes["num_encoder_blocks"])
    return AutoencoderTiny(
        encoder_block_out_channels=channels,
        decoder_block_out_channels=channels,
        num_encoder_blocks=tuple(sizes["num_encoder_blocks"]),
        num_decoder_blocks=tuple(sizes["num_decoder_blocks"]),
        scaling_factor=scale,
    )


class Crops:
    """Random crops of clean plates, mirrored half the time, aligned to the latent grid."""

    def __init__(self, session: Session, corpus: Corpus, settings: Autoencoder) -> None:
        self.session, self.corpus, self.settings, self.clean = session, corpus, settings, corpus.clean

    def take(
        self,
        rng: np.random.Generator,
        size: int,
        count: int,
        latents: np.ndarray | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """(count, 3, size, size) pixels in [-1, 1], and the same windows of `latents` (one row a plate)."""
        rows = rng.integers(len(self.clean), size=count)
        corners = rng.integers(0, (self.session.recipe.picture_px - size) // LATENT_PX + 1, size=(count, 2))
        flips = rng.random(count) < 0.5 if latents is None else np.zeros(count, bool)
        crops, windows, side = [], [], size // LATENT_PX
        for row, (y, x), flip in zip(rows, corners, flips, strict=True):
            top, left = y * LATENT_PX, x * LATENT_PX
            crop = self.corpus.images[self.clean[row], top : top + size, left : left + size]
            crops.append(crop[:, ::-1] if flip else crop)
            if latents is not None:
                windows.append(latents[row, :, y : y + side, x : x + side])
        window = torch.from_numpy(np.stack(windows)).to(self.session.device).float() if windows else None
        return pixels(np.stack(crops), self.session.device).contiguous(
            memory_format=torch.channels_last
        ), window


class TinyLearner:
    """AutoencoderTiny from end to end: it makes the latent space that the whole family shares.

    It has no norms, so crops and whole pictures are the same to it, and a step costs half of AutoencoderKL's:
    in 2 CPU-minutes it came where that was in 10 (22 dB).
    """

    def __init__(self, session: Session, corpus: Corpus) -> None:
        self.settings = session.recipe.parts.tiny_vae
        self.count = session.batch_of(self.settings)
        torch.manual_seed(self.settings.seed)
        self.crops = Crops(session, corpus, self.settings)
        tiny = build_tiny(self.settings.model)
        pass_colour_through(tiny)
        self.models = nn.ModuleDict({"tiny_vae": tiny})
        self.inputs = {"plates": corpus.source}

    def loss(self, rng: np.random.Generator, fraction: float) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:  # noqa: ARG002
        """One batch of crops through both halves, with some error on the latents in between."""
        true, _ = self.crops.take(rng, self.settings.crop_px, self.count)
        tiny = self.models["tiny_vae"]
        latents = tiny.encode(true).latents.float()
        made = tiny.decode(latents + LATENT_ERROR * torch.randn_like(latents)).sample
        # The anchor keeps three channels near the cell's colour: a UNet learns a thumbnail's well.
        anchor = F.l1_loss(latents[:, :3], COLOUR_SCALE * F.avg_pool2d(true, LATENT_PX))
        loss = picture_loss(made, true, self.settings.edge_weight) + ANCHOR_WEIGHT * anchor
        return loss, {"anchor": anchor.detach(), "psnr": _psnr(made, true)}


class KLLearner:
    """AutoencoderKL distilled onto cached latents: its encoder finds them, its decoder draws from them."""

    def __init__(self, session: Session, corpus: Corpus) -> None:
        self.settings = session.recipe.parts.vae
        self.count = session.batch_of(self.settings)
        torch.manual_seed(self.settings.seed)
        self.px = session.recipe.picture_px
        self.latents, _, source = load_latents(session)
        self.crops = Crops(session, corpus, self.settings)
        vae = build_kl(self.settings.model, self.px)
        pass_colour_through_norms(vae)
        self.models = nn.ModuleDict({"vae": vae})
        self.inputs = {"latents": source}

    def loss(self, rng: np.random.Generator, fraction: float) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """One batch: crops, or in the last `whole_share` of the budget a quarter as many whole pictures."""
        whole = fraction >= 1 - self.settings.whole_share
        size, count = (self.px, self.count // 4) if whole else (self.settings.crop_px, self.count)
        true, goal = self.crops.take(rng, size, count, self.latents)
        posterior = self.models["vae"].encode(true).latent_dist
        encoding = F.smooth_l1_loss(posterior.mean.float(), goal)
        spread = (posterior.logvar.float() - 2 * math.log(LATENT_ERROR)).abs().mean()
        noisy = goal + LATENT_ERROR * torch.randn(goal.shape).to(goal.device)
        made = self.models["vae"].decode(noisy.contiguous(memory_format=torch.channels_last)).sample
        picture = picture_loss(made, true, self.settings.edge_weight)
        measures = {"encoding": encoding.detach(), "psnr": _psnr(made, true)}
        return picture + encoding + SPREAD_WEIGHT * spread, measures


def _psnr(made: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    return -10 * torch.log10(F.mse_loss(made.detach().float(), true) / 4)


def train_vae(session: Session) -> None:
    """Train AutoencoderKL until its budget is spent."""
    fit(session, "vae", KLLearner(session, load_corpus(session)))


def train_tiny(session: Session) -> None:
    """Train AutoencoderTiny until its budget is spent."""
    fit(session, "tiny_vae", TinyLearner(session, load_corpus(session)))


def load_vae(session: Session, scale: float = 1.0) -> AutoencoderKL:
    """The trained AutoencoderKL, in evaluation mode; `scale` becomes its scaling factor."""
    models = nn.ModuleDict(
        {"vae": build_kl(session.recipe.parts.vae.model, session.recipe.picture_px, scale)}
    )
    load(session.folder("vae"), models)
    return models["vae"].to(session.device).eval().requires_grad_(False)


def load_tiny(session: Session, scale: float = 1.0) -> AutoencoderTiny:
    """The trained AutoencoderTiny, in evaluation mode; `scale` becomes its scaling factor."""
    models = nn.ModuleDict({"tiny_vae": build_tiny(session.recipe.parts.tiny_vae.model, scale)})
    load(session.folder("tiny_vae"), models)
    return models["tiny_vae"].to(session.device).eval().requires_grad_(False)


@torch.no_grad()
def cache_latents(session: Session) -> None:
    """Encode every clean plate once (float16), unless this autoencoder has done so."""
    folder, source = session.folder("latents"), digest(session.folder("tiny_vae"))
    if read_json(folder / "state.json").get("autoencoder") == source:
        return
    corpus, tiny, meter = load_corpus(session), load_tiny(session), session.meter("latents")
    progress, clean, found = Progress("latents", meter), corpus.clean, []
    for first in range(0, len(clean), 32):
        with session.autocast():
            batch = pixels(corpus.images[clean[first : first + 32]], session.device)
            latents = tiny.encode(batch.contiguous(memory_format=torch.channels_last)).latents
        found.append(latents.float().cpu().numpy().astype(np.float16))
        meter.tick()
        progress.show(f"{first + len(batch)} of {len(clean)} plates")
    latents = np.concatenate(found)
    np.save(folder / "latents.npy", latents)
    scale = float(1 / latents.astype(np.float32).std())
    write_json(folder / "state.json", {"autoencoder": source, "scale": scale})
    session.note("latents", {"minutes": round(meter.spent / 60, 2), "scale": scale})


def load_latents(session: Session) -> tuple[np.ndarray, float, str]:
    """Cached latents (clean plates, 4, h, w) float16 unscaled, their scaling factor, the encoder's digest.

    Raises:
        ModelError: the latents part has not run.
    """
    folder = session.folder("latents")
    state = read_json(folder / "state.json")
    if not state:
        raise ModelError(
            f"no latents in {folder}", fix="run `python -m training.family --only latents` first"
        )
    return np.load(folder / "latents.npy"), state["scale"], state["autoencoder"]
