"""An IP-Adapter of a tiny UNet with random weights, in the files that its trainers publish."""

from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.embeddings import IPAdapterPlusImageProjection
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from plateful.models.digests import write_digests

SEEN, PROJECTED, TOKENS = 32, 16, 4
Weights = dict[str, torch.Tensor]


def add_ip_adapter(folder: Path, name: str, *, plus: bool = False) -> None:
    """Put a random IP-Adapter of the folder's UNet and its image encoder into `folder/name`; record both.

    A plain one attends to a picture's summary, a plus one to all of its patches.
    """
    unet = UNet2DConditionModel.from_pretrained(folder / "pipeline" / "unet")
    with torch.random.fork_rng():
        torch.manual_seed(2)
        _image_encoder().save_pretrained(folder / name / "image_encoder")
        project = _plus_projection if plus else _projection
        weights = _prefixed("image_proj", project(unet.config["cross_attention_dim"]))
        weights |= _prefixed("ip_adapter", _attention(unet))
    save_file(weights, folder / name / f"ip-adapter{'-plus' if plus else ''}.safetensors")
    write_digests(folder)


def _image_encoder() -> CLIPVisionModelWithProjection:
    config = CLIPVisionConfig(
        hidden_size=SEEN,
        intermediate_size=SEEN,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=32,
        patch_size=8,
        projection_dim=PROJECTED,
        # Random layers of the usual size would see every picture as nearly the same.
        initializer_factor=8.0,
    )
    return CLIPVisionModelWithProjection(config).eval()


def _projection(width: int) -> Weights:
    return {
        "proj.weight": torch.randn(TOKENS * width, PROJECTED),
        "proj.bias": torch.randn(TOKENS * width),
        "norm.weight": torch.ones(width),
        "norm.bias": torch.zeros(width),
    }


def _plus_projection(width: int) -> Weights:
    """Name a resampler's layers as its trainers do: keys and values are one matrix, blocks have numbers."""
    layers = IPAdapterPlusImageProjection(
        embed_dims=SEEN, output_dims=width, hidden_dims=64, heads=1, num_queries=TOKENS
    )
    own = layers.state_dict()
    named = {"ln0": "0.norm1", "ln1": "0.norm2", "attn.to_q": "0.to_q", "attn.to_out.0": "0.to_out"}
    named |= {"ff.0": "1.0", "ff.1.net.0.proj": "1.1", "ff.1.net.2": "1.3"}
    weights = {key: value for key, value in own.items() if not key.startswith("layers.")}
    for block in range(len(layers.layers)):
        place = f"layers.{block}"
        for ours, theirs in named.items():
            for part in ("weight", "bias"):
                if f"{place}.{ours}.{part}" in own:
                    weights[f"{place}.{theirs}.{part}"] = own[f"{place}.{ours}.{part}"]
        pair = [own[f"{place}.attn.to_{each}.weight"] for each in ("k", "v")]
        weights[f"{place}.0.to_kv.weight"] = torch.cat(pair)
    return weights


def _attention(unet: UNet2DConditionModel) -> Weights:
    """Keys and values of every cross-attention, numbered as the UNet lists its attentions: 1, 3, 5, ..."""
    crossed = [name for name in unet.attn_processors if name.endswith("attn2.processor")]
    weights: Weights = {}
    for number, name in enumerate(crossed):
        of_text = unet.get_submodule(name.removesuffix(".processor")).to_k.weight
        for part in ("k", "v"):
            weights[f"{2 * number + 1}.to_{part}_ip.weight"] = torch.randn(of_text.shape)
    return weights


def _prefixed(prefix: str, weights: Weights) -> Weights:
    return {f"{prefix}.{name}": value.contiguous() for name, value in weights.items()}
