"""Latents <-> pixels through an autoencoder, in chunks; uint8 is made on the device."""

from typing import Any

import numpy as np
import torch

# A chunk bounds what a decoder holds: at 1024 px a picture's activations take over 2 GB in half precision.
CHUNK = 8


def decode(vae: Any, latents: torch.Tensor) -> tuple[np.ndarray, list[bool]]:  # noqa: ANN401 - any diffusers autoencoder
    """Return uint8 RGB pictures (n, height, width, 3), and for each whether all its values were finite.

    Args:
        vae: AutoencoderKL or AutoencoderTiny.
        latents: (n, 4, h, w) as the UNet sees them.
    """
    pixels, finite = [], []
    for chunk in _unscaled(vae, latents).split(CHUNK):
        image = vae.decode(chunk.to(vae.dtype), return_dict=False)[0].float()
        finite.append(torch.isfinite(image).flatten(1).all(dim=1))
        bytes_ = ((image / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
        pixels.append(bytes_.permute(0, 2, 3, 1))
    return torch.cat(pixels).cpu().numpy(), torch.cat(finite).tolist()


def encode(vae: Any, photos: torch.Tensor, generators: list[torch.Generator]) -> torch.Tensor:  # noqa: ANN401 - any diffusers autoencoder
    """Return the latents (n, 4, h, w), float32, of photos (n, 3, height, width) in [0, 1].

    An AutoencoderKL's latents are drawn, each from its candidate's generator, as diffusers' pipelines do.
    """
    parts = []
    for start in range(0, len(photos), CHUNK):
        chunk = (2 * photos[start : start + CHUNK] - 1).to(device=vae.device, dtype=vae.dtype)
        encoded = vae.encode(chunk)
        drawn = getattr(encoded, "latent_dist", None)
        parts.append(drawn.sample(generators[start : start + CHUNK]) if drawn else encoded.latents)
    return torch.cat(parts).float() * vae.config.scaling_factor


def _unscaled(vae: Any, latents: torch.Tensor) -> torch.Tensor:  # noqa: ANN401 - any diffusers autoencoder
    """Undo the scale, and the mean and deviation where an autoencoder of SDXL's class has them."""
    mean, deviation = (getattr(vae.config, name, None) for name in ("latents_mean", "latents_std"))
    if mean is None or deviation is None:
        return latents / vae.config.scaling_factor
    mean, deviation = (latents.new_tensor(values).view(1, -1, 1, 1) for values in (mean, deviation))
    return latents * deviation / vae.config.scaling_factor + mean
