"""Stable Diffusion families of any configuration with random weights, as loaded pipelines.

Speed depends on shapes alone, so a GPU can be measured without downloads; pictures are noise, so quality,
thresholds and caches that look at values cannot.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

import diffusers
import torch
import yaml
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from tokenizers import pre_tokenizers
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from plateful.errors import ConfigError

CONFIGS = Path(__file__).parent / "random_models.yaml"
SEED = 0
_BOS, _EOS = "<|startoftext|>", "<|endoftext|>"


@lru_cache(maxsize=1)
def random_configs() -> dict[str, dict[str, Any]]:
    """Return name -> configuration of the models that can be built."""
    return yaml.safe_load(CONFIGS.read_text(encoding="utf-8"))


def random_config(name: str) -> dict[str, Any]:
    """Return a configuration by name; raises ConfigError when there is none."""
    configs = random_configs()
    if name not in configs:
        raise ConfigError(f"random model {name!r} is unknown", fix=f"use one of {', '.join(configs)}")
    return configs[name]


def random_pipeline(
    config: dict[str, Any], *, tiny_vae: bool = False, dtype: torch.dtype = torch.float32, device: str = "cpu"
) -> Any:  # noqa: ANN401 - any diffusers pipeline
    """Build a pipeline with random weights from a fixed seed, leaving torch's own random state alone.

    Args:
        config: as in random_models.yaml.
        tiny_vae: decode with an AutoencoderTiny instead of the AutoencoderKL.
        dtype: of the weights.
        device: where they are made; on a GPU that takes seconds, on a CPU minutes.
    """
    with torch.random.fork_rng(), torch.device(device):
        torch.manual_seed(SEED)
        parts = {
            "unet": UNet2DConditionModel(**config["unet"]),
            "vae": AutoencoderTiny(**config["tiny_vae"]) if tiny_vae else AutoencoderKL(**config["vae"]),
            "scheduler": DDIMScheduler(**config["scheduler"], clip_sample=False, set_alpha_to_one=False),
            **_text(config["text_encoders"]),
        }
    if config["pipeline"] == "StableDiffusionPipeline":
        parts |= {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    for part in parts.values():
        if isinstance(part, torch.nn.Module):
            part.to(dtype=dtype).eval()
    return getattr(diffusers, config["pipeline"])(**parts)


def _text(configs: list[dict[str, Any]]) -> dict[str, Any]:
    """Build one tokenizer and encoder per configuration; where there are two, the last one projects."""
    tokenizer = _tokenizer()
    parts: dict[str, Any] = {}
    for number, fields in enumerate(configs):
        suffix = "" if number == 0 else f"_{number + 1}"
        ids: dict[str, Any] = {
            name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")
        }
        config = CLIPTextConfig(**fields, **ids)
        encoder = CLIPTextModelWithProjection if number else CLIPTextModel
        parts |= {f"tokenizer{suffix}": tokenizer, f"text_encoder{suffix}": encoder(config)}
    return parts


def _tokenizer() -> CLIPTokenizer:
    """One token a byte: any text has tokens, and no vocabulary need be shipped."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = [*alphabet, *(letter + "</w>" for letter in alphabet), _BOS, _EOS]
    return CLIPTokenizer(
        vocab={token: index for index, token in enumerate(tokens)}, merges=[], model_max_length=77
    )
