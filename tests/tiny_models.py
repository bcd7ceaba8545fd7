"""Tiny random SD3 and FLUX families in diffusers' layout, built by their own config classes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
)
from diffusers.utils.state_dict_utils import convert_state_dict_to_diffusers
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
)

from plateful.models.digests import write_digests
from tests.tiny_family import WORDS, build_tokenizer

WIDTH = 32
# The inpaint pipelines of both families tell themselves from others by this number.
LATENTS = 16


def build_tiny_sd3(folder: Path) -> Path:
    """Write a micro SD3 family (three text encoders, MMDiT, 16 latent channels) into `folder`."""
    with _seeded():
        clip = build_tokenizer()
        transformer = SD3Transformer2DModel(
            sample_size=16,
            patch_size=1,
            in_channels=LATENTS,
            num_layers=1,
            attention_head_dim=8,
            num_attention_heads=4,
            joint_attention_dim=WIDTH,
            caption_projection_dim=WIDTH,
            pooled_projection_dim=2 * WIDTH,
            out_channels=LATENTS,
            pos_embed_max_size=32,
        )
        StableDiffusion3Pipeline(
            transformer=transformer.half(),
            scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
            vae=_vae().half(),
            text_encoder=_clip_text(clip, projected=True),
            tokenizer=clip,
            text_encoder_2=_clip_text(clip, projected=True),
            tokenizer_2=clip,
            text_encoder_3=_t5(),
            tokenizer_3=_t5_tokenizer(),
        ).save_pretrained(folder / "pipeline")
    write_digests(folder)
    return folder


def build_tiny_flux(folder: Path) -> Path:
    """Write a micro FLUX family (CLIP and T5, double and single blocks, packed latents) into `folder`."""
    with _seeded():
        clip = build_tokenizer()
        transformer = FluxTransformer2DModel(
            patch_size=1,
            # Two by two latents are packed into one.
            in_channels=4 * LATENTS,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=WIDTH,
            pooled_projection_dim=WIDTH,
            guidance_embeds=False,
            axes_dims_rope=(4, 4, 8),
        )
        FluxPipeline(
            scheduler=FlowMatchEulerDiscreteScheduler(),
            vae=_vae().half(),
            text_encoder=_clip_text(clip, projected=False),
            tokenizer=clip,
            text_encoder_2=_t5(),
            tokenizer_2=_t5_tokenizer(),
            transformer=transformer.half(),
        ).save_pretrained(folder / "pipeline")
    write_digests(folder)
    return folder


def add_flow_lora(folder: Path, pipeline: Any, name: str) -> None:
    """Put a random LoRA of a pipeline class's transformer into `folder/name` and record it."""
    with _seeded(1):
        transformer = pipeline.from_pretrained(folder / "pipeline").transformer
        transformer.add_adapter(LoraConfig(r=2, target_modules=["to_q", "to_v"], init_lora_weights=False))
    layers = convert_state_dict_to_diffusers(get_peft_model_state_dict(transformer))
    pipeline.save_lora_weights(folder / name, transformer_lora_layers=layers)
    write_digests(folder)


@contextmanager
def _seeded(seed: int = 0) -> Iterator[None]:
    """Build with a fixed seed, and leave torch's own state as it was."""
    state = torch.random.get_rng_state()
    torch.manual_seed(seed)
    try:
        yield
    finally:
        torch.random.set_rng_state(state)


def _vae() -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(8, 8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        norm_num_groups=4,
        latent_channels=LATENTS,
        sample_size=64,
        shift_factor=0.06,
        scaling_factor=1.5,
        use_quant_conv=False,
        use_post_quant_conv=False,
    )


def _clip_text(tokenizer: Any, *, projected: bool) -> Any:
    config = CLIPTextConfig(
        hidden_size=WIDTH,
        intermediate_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        projection_dim=WIDTH,
        vocab_size=len(tokenizer),
        max_position_embeddings=77,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return (CLIPTextModelWithProjection if projected else CLIPTextModel)(config).half().eval()


def _t5_tokenizer() -> T5Tokenizer:
    letters = sorted(set(WORDS) | set("abcdefghijklmnopqrstuvwxyz0123456789-.'"))
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    pieces += [(letter, -3.0) for letter in letters if letter.strip()]
    return T5Tokenizer(vocab=pieces, extra_ids=0, model_max_length=512)


def _t5() -> T5EncoderModel:
    config = T5Config(
        vocab_size=128, d_model=WIDTH, d_kv=8, d_ff=WIDTH, num_layers=1, num_heads=4, pad_token_id=0
    )
    return T5EncoderModel(config).half().eval()
