"""Tiny random pipelines of both families, built by the function that builds the official ones."""

from pathlib import Path
from typing import Any

from plateful.benching.random_models import random_config, random_pipeline
from plateful.models.catalog import load_catalog
from plateful.models.versions import ModelVersion

TEXT = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "projection_dim": 16,
    "vocab_size": 520,
}
VAE = {"block_out_channels": [8, 8, 8, 8], "norm_num_groups": 4, "layers_per_block": 1, "sample_size": 64}
UNET = {"sample_size": 8, "norm_num_groups": 8, "attention_head_dim": 8}
CHANGES: dict[str, dict[str, dict[str, Any]]] = {
    "sd15-random": {
        "unet": {**UNET, "block_out_channels": [16, 16, 32, 32], "cross_attention_dim": 32},
        "vae": VAE,
    },
    "sdxl-random": {
        "unet": {
            **UNET,
            "block_out_channels": [16, 32, 32],
            "transformer_layers_per_block": [1, 1, 2],
            "cross_attention_dim": 64,
            "addition_time_embed_dim": 8,
            "projection_class_embeddings_input_dim": 16 + 6 * 8,
        },
        "vae": VAE,
    },
}


def tiny_config(name: str) -> dict[str, Any]:
    """Return an official configuration made small: the same classes, blocks and conditioning."""
    config = random_config(name)
    parts = {part: {**config[part], **changes} for part, changes in CHANGES[name].items()}
    texts = [{**fields, **TEXT} for fields in config["text_encoders"]]
    tiny = {
        "encoder_block_out_channels": [8] * 4,
        "decoder_block_out_channels": [8] * 4,
        "latent_channels": 4,
    }
    return {**config, **parts, "text_encoders": texts, "tiny_vae": tiny, "size": 64}


def tiny_pipeline(name: str, **options: Any) -> Any:
    return random_pipeline(tiny_config(name), **options)


def tiny_version(name: str, **profile: Any) -> ModelVersion:
    """Return a version to render a tiny pipeline by."""
    entry = load_catalog()["plateful-tiny"]
    fields = {"size": 64, "steps": 6, "batch": 2, "scheduler": "shipped", **profile}
    run = entry.profile_named().model_copy(update=fields)
    return ModelVersion(name, "a" * 64, run, entry, Path("nowhere"))
