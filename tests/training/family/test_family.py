"""The whole recipe at its smallest: what it exports loads as any other model does."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderTiny, DDIMScheduler, StableDiffusionInpaintPipeline, StableDiffusionPipeline
from peft.tuners.lora import LoraLayer
from PIL import Image
from safetensors.torch import load_file
from transformers import CLIPModel, CLIPProcessor

from tests.conftest import feed_rows, write_feed
from tests.training.family.conftest import MICRO, MicroRun
from training.family.names import named_dishes
from training.family.recipe import load_recipe
from training.family.session import read_json


@pytest.fixture(scope="module")
def pipeline(micro: MicroRun) -> StableDiffusionPipeline:
    return StableDiffusionPipeline.from_pretrained(micro.out / "pipeline", dtype=torch.float32)


def test_the_command_succeeds(micro: MicroRun) -> None:
    assert micro.status == 0


def test_the_pipeline_renders(pipeline: StableDiffusionPipeline) -> None:
    pipeline.set_progress_bar_config(disable=True)
    image = pipeline(
        "pizza", num_inference_steps=2, output_type="np", generator=torch.Generator().manual_seed(1)
    ).images
    assert image.shape == (1, 64, 64, 3)
    assert np.isfinite(image).all()


def test_the_same_parts_inpaint(pipeline: StableDiffusionPipeline) -> None:
    inpaint = StableDiffusionInpaintPipeline(**pipeline.components, requires_safety_checker=False)
    inpaint.set_progress_bar_config(disable=True)
    picture, mask = Image.new("RGB", (64, 64), "white"), Image.new("L", (64, 64), 255)
    image = inpaint(
        "pizza", image=picture, mask_image=mask, height=64, width=64, num_inference_steps=2
    ).images[0]
    assert image.size == (64, 64)


def test_the_small_autoencoder_shares_the_latent_space(
    micro: MicroRun, pipeline: StableDiffusionPipeline
) -> None:
    tiny = AutoencoderTiny.from_pretrained(micro.out / "tiny_vae")
    pixels = torch.zeros(1, 3, 64, 64, dtype=tiny.dtype)
    assert tiny.encode(pixels).latents.shape[1:] == (pipeline.unet.config.in_channels, 8, 8)
    assert tiny.config.scaling_factor == pipeline.vae.config.scaling_factor


def test_clip_embeds_pictures_and_text_alike(micro: MicroRun) -> None:
    clip = CLIPModel.from_pretrained(micro.out / "clip", dtype=torch.float32)
    processor = CLIPProcessor.from_pretrained(micro.out / "clip")
    inputs = processor(
        text=["pizza", "soup with 蛋"], images=Image.new("RGB", (200, 90)), padding=True, return_tensors="pt"
    )
    assert inputs["pixel_values"].shape == (1, 3, 64, 64)
    assert clip(**inputs).logits_per_image.shape == (1, 2)


def test_pooling_takes_the_end_token(pipeline: StableDiffusionPipeline) -> None:
    encoder, tokenizer = pipeline.text_encoder, pipeline.tokenizer
    tokens = tokenizer("noodle soup", padding="max_length", return_tensors="pt")
    end = tokens.input_ids[0].tolist().index(tokenizer.eos_token_id)
    out = encoder(tokens.input_ids)
    assert torch.equal(out.pooler_output[0], out.last_hidden_state[0, end])


def test_the_text_encoder_is_the_clip_text_tower(micro: MicroRun) -> None:
    alone = load_file(micro.out / "pipeline" / "text_encoder" / "model.safetensors")
    whole = load_file(micro.out / "clip" / "model.safetensors")
    assert alone
    for name, tensor in alone.items():
        assert torch.equal(tensor, whole[f"text_model.{name.removeprefix('text_model.')}"])


def test_digests_hold_every_weight_and_config(micro: MicroRun) -> None:
    digests = read_json(micro.out / "digests.json")
    assert any(name.startswith("pipeline/unet/") for name in digests)
    for name, digest in digests.items():
        assert hashlib.sha256((micro.out / name).read_bytes()).hexdigest() == digest


def test_the_card_reports_what_was_measured(micro: MicroRun) -> None:
    facts = read_json(micro.out / "training.json")
    assert facts["machine"].startswith(("cpu ", "gpu "))
    assert facts["wall_minutes"] > 0
    assert {"clip", "vae", "tiny_vae", "unet"} <= facts["parts"].keys()
    assert "examiner" not in facts["parts"]
    metrics = facts["metrics"]
    assert {
        "archetype_accuracy",
        "preview_archetype_accuracy",
        "preview_archetype_gap",
        "ingredient_auc",
        "examiner_archetype_accuracy",
        "clip_archetype_accuracy",
        "clip_ingredient_auc",
        "clip_blur_auc",
        "inpaint_archetype_accuracy",
        "inpaint_kept_psnr_db",
    } <= metrics.keys()
    assert metrics["archetype_accuracy"]["n"] == 20
    for name, figure in metrics.items():
        # A resampled mean can miss the mean of a handful of cases by rounding.
        assert figure["low"] - 1e-3 <= figure["value"] <= figure["high"] + 1e-3, name
    card = (micro.out / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert f"{metrics['vae_psnr_db']['value']:g}" in card
    with Image.open(micro.out / "failures.png") as grid:
        assert grid.width == 10 * (64 + 4)
    assert "](failures.png)" in card


def test_the_preview_is_a_lora_that_any_pipeline_loads(micro: MicroRun) -> None:
    pipeline = StableDiffusionPipeline.from_pretrained(micro.out / "pipeline", dtype=torch.float32)
    weights = load_file(micro.out / "preview" / "pytorch_lora_weights.safetensors")
    assert {tensor.dtype for tensor in weights.values()} == {torch.float16}
    pipeline.load_lora_weights(micro.out / "preview", weight_name="pytorch_lora_weights.safetensors")
    loaded = {name for name, part in pipeline.unet.named_modules() if isinstance(part, LoraLayer)}
    trained = tuple(f".{name}" for name in load_recipe(MICRO).parts.preview.model["target_modules"])
    plain = StableDiffusionPipeline.from_pretrained(micro.out / "pipeline").unet
    assert loaded == {name for name, _ in plain.named_modules() if name.endswith(trained)}
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    image = pipeline("pizza", num_inference_steps=2, guidance_scale=1.0, output_type="np").images
    assert np.isfinite(image).all()


def test_parts_that_do_not_belong_together_are_not_exported(
    micro: MicroRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mixed = MicroRun(tmp_path / "weights", tmp_path / "work", 0)
    shutil.copytree(micro.work, mixed.work)
    (mixed.work / "clip" / "checkpoint.safetensors").unlink()
    assert mixed.again("--only", "clip") == 0
    assert mixed.again("--only", "export") == 1
    assert "part 'unet' was trained with another CLIP" in capsys.readouterr().err
    assert not mixed.out.exists()


def test_only_parts_that_nothing_is_built_on_train_on_alone(micro: MicroRun) -> None:
    with pytest.raises(SystemExit):
        micro.again("--only", "clip", "--continue-minutes", "1")


def test_real_dish_names_are_asked_for(micro: MicroRun, tmp_path: Path) -> None:
    feed = write_feed(tmp_path / "feed.csv", feed_rows({"IT": [("Pizza Margherita", ""), ("Qwrtz", "")]}))
    rows = named_dishes(feed).sort("name_en")
    assert rows.select("name_en", "archetype").rows() == [("pizza margherita", "pizza"), ("qwrtz", None)]
    work = MicroRun(micro.out, micro.work, 0)
    assert work.again("--only", "card", "--feeds", str(feed)) == 0
    metrics = read_json(micro.out / "training.json")["metrics"]
    assert metrics["feed_name_mapped"]["value"] == 0.5
    assert metrics["feed_name_accuracy"]["n"] == metrics["feed_bare_name_accuracy"]["n"] == 1


def test_a_second_run_trains_nothing_again(micro: MicroRun) -> None:
    before = read_json(micro.work / "notes.json")
    assert micro.again("--only", "vae") == 0
    assert micro.again("--only", "data") == 0
    assert {**read_json(micro.work / "notes.json"), "wall": None} == {**before, "wall": None}


def test_a_part_without_its_inputs_is_one_clear_error(
    micro: MicroRun, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = MicroRun(micro.out, micro.work / "elsewhere", 0)
    assert lost.again("--only", "vae") == 1
    assert "--only data" in capsys.readouterr().err
