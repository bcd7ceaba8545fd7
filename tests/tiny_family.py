"""A micro model family with random weights in the layout of `plateful-tiny`, shared by all tests.

Same classes, folders and file kinds as the shipped family (pipeline/, tiny_vae/, clip/, digests.json, all
safetensors in fp16, 128x128 px over 16x16 latents), built in a third of a second. The pictures are noise.
"""

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderTiny,
    DPMSolverMultistepScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from tokenizers import pre_tokenizers
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor, CLIPTokenizer
from transformers.utils import logging as transformers_logging

from plateful.models.digests import write_digests

BOS, EOS = "<|startoftext|>", "<|endoftext|>"
WORDS = (
    "a photo of a bowl of noodle soup, with beef and egg, in a white bowl, on a dark wooden background, "
    "plate rice pizza burger salad curry cake coffee tea fish chicken marble cloth table top view soft light"
)
WIDTH = 32


def build_tiny_family(folder: Path) -> Path:
    """Write the micro family into `folder` (made when absent) and return it."""
    transformers_logging.disable_progress_bar()
    state = torch.random.get_rng_state()
    try:
        torch.manual_seed(0)
        tokenizer = build_tokenizer()
        clip = _clip(tokenizer)
        _save_clip(clip, tokenizer, folder / "clip")
        _pipeline(clip, tokenizer).save_pretrained(folder / "pipeline")
        _tiny_vae().half().save_pretrained(folder / "tiny_vae")
    finally:
        torch.random.set_rng_state(state)
    write_digests(folder)
    return folder


def add_lora(folder: Path, name: str) -> None:
    """Put a random LoRA of the family's UNet into `folder/name` and record it."""
    unet = UNet2DConditionModel.from_pretrained(folder / "pipeline" / "unet")
    state = torch.random.get_rng_state()
    torch.manual_seed(1)
    unet.add_adapter(LoraConfig(r=2, target_modules=["to_q", "conv1"], init_lora_weights=False))
    torch.random.set_rng_state(state)
    layers = get_peft_model_state_dict(unet)
    StableDiffusionPipeline.save_lora_weights(folder / name, unet_lora_layers=layers)
    write_digests(folder)


def build_tokenizer() -> CLIPTokenizer:
    """Byte-level BPE, so that every script has tokens; merges spell out a few caption words.

    The merges are made by hand, because BpeTrainer breaks ties differently in every process.
    """
    merges: dict[tuple[str, str], None] = {}
    for word in dict.fromkeys(WORDS.replace(",", "").split()):
        letters = [*word[:-1], word[-1] + "</w>"]
        merges.update({("".join(letters[:i]), letters[i]): None for i in range(1, len(letters))})
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    letters = [*alphabet, *(letter + "</w>" for letter in alphabet)]
    tokens = [*letters, *("".join(pair) for pair in merges), BOS, EOS]
    vocab = {token: index for index, token in enumerate(dict.fromkeys(tokens))}
    return CLIPTokenizer(vocab=vocab, merges=list(merges), model_max_length=77)


def _clip(tokenizer: CLIPTokenizer) -> CLIPModel:
    shared: dict[str, Any] = {
        "hidden_size": WIDTH,
        "intermediate_size": 2 * WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "projection_dim": 16,
    }
    text = {
        **shared,
        "vocab_size": len(tokenizer),
        "max_position_embeddings": 77,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    vision = {**shared, "image_size": 64, "patch_size": 16}
    return CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=16)).half().eval()


def _save_clip(clip: CLIPModel, tokenizer: CLIPTokenizer, folder: Path) -> None:
    clip.save_pretrained(folder, safe_serialization=True)
    image_processor = CLIPImageProcessor(
        size={"shortest_edge": 64}, crop_size={"height": 64, "width": 64}, do_resize=True
    )
    CLIPProcessor(image_processor=image_processor, tokenizer=tokenizer).save_pretrained(folder)


def _pipeline(clip: CLIPModel, tokenizer: CLIPTokenizer) -> StableDiffusionPipeline:
    unet = UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=WIDTH,
        attention_head_dim=8,
        norm_num_groups=8,
    )
    vae = AutoencoderKL(
        block_out_channels=(8, 8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        norm_num_groups=4,
        latent_channels=4,
        sample_size=128,
    )
    scheduler = DPMSolverMultistepScheduler(
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        steps_offset=1,
    )
    return StableDiffusionPipeline(
        vae=vae.half(),
        text_encoder=clip.text_model,
        tokenizer=tokenizer,
        unet=unet.half(),
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def _tiny_vae() -> AutoencoderTiny:
    return AutoencoderTiny(
        encoder_block_out_channels=(8, 8, 8, 8),
        decoder_block_out_channels=(8, 8, 8, 8),
        num_encoder_blocks=(1, 1, 1, 1),
        num_decoder_blocks=(1, 1, 1, 1),
        latent_channels=4,
    )
