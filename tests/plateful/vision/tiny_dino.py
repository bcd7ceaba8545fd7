"""A micro Grounding DINO with random weights: the real classes in the layout of a downloaded folder."""

from pathlib import Path

import torch
from transformers import (
    BertTokenizerFast,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    GroundingDinoImageProcessor,
    GroundingDinoProcessor,
)
from transformers.utils import logging as transformers_logging

from plateful.models.digests import write_digests

WORDS = ("plate", "of", "food", "bowl", "dish", "cup", "drink", "glass", ".", "?")


def build_tiny_dino(folder: Path) -> Path:
    """Write the model into `folder` (made when absent), recorded, and return it."""
    transformers_logging.disable_progress_bar()
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS)
    tokenizer = BertTokenizerFast(vocab={word: place for place, word in enumerate(vocabulary)})
    images = GroundingDinoImageProcessor(size={"shortest_edge": 64, "longest_edge": 96})
    state = torch.random.get_rng_state()
    torch.manual_seed(0)
    model = GroundingDinoForObjectDetection(_config(len(vocabulary)))
    torch.random.set_rng_state(state)
    with torch.no_grad():
        # Boxes of half the picture instead of a twentieth: each of two layers widens them.
        model.bbox_embed[0].layers[-1].bias[2:] += 1.6
        # Random states are sure of everything: a score of 1 for every other box.
        model.model.decoder.layer_norm.weight *= 0.1
    model.save_pretrained(folder)
    GroundingDinoProcessor(image_processor=images, tokenizer=tokenizer).save_pretrained(folder)
    write_digests(folder)
    return folder


def _config(words: int) -> GroundingDinoConfig:
    swin = {
        "model_type": "swin",
        "image_size": 64,
        "embed_dim": 8,
        "depths": [1, 1, 1, 1],
        "num_heads": [1, 1, 2, 2],
        "window_size": 4,
        "out_indices": [2, 3, 4],
    }
    bert = {
        "model_type": "bert",
        "vocab_size": words,
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "max_position_embeddings": 64,
    }
    return GroundingDinoConfig(
        backbone_config=swin,
        text_config=bert,
        d_model=32,
        num_queries=12,
        encoder_layers=1,
        decoder_layers=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        max_text_len=64,
    )
