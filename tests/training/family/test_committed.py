"""The weights in the repository: small enough, unaltered, and of one piece."""

import hashlib
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from plateful.rendering.loading import LORA_FILE
from training.family.__main__ import OUT, RESULTS
from training.family.export import MAX_TOTAL_BYTES
from training.family.session import read_json

MAX_SHARD_BYTES = 15 * 2**20


def test_the_family_fits_the_repository() -> None:
    sizes = {path: path.stat().st_size for path in OUT.rglob("*") if path.is_file()}
    assert sum(size for path, size in sizes.items() if path.suffix == ".safetensors") <= MAX_TOTAL_BYTES
    assert max(sizes.values()) <= MAX_SHARD_BYTES
    assert sum(sizes.values()) <= 1.05 * MAX_TOTAL_BYTES, "pictures and tokenizers"


def test_weights_are_safetensors_only() -> None:
    assert not [path for path in OUT.rglob("*") if path.suffix in (".bin", ".pt", ".pth", ".ckpt", ".pkl")]


def test_every_file_has_its_recorded_digest() -> None:
    digests = read_json(OUT / "digests.json")
    assert {"pipeline/unet/diffusion_pytorch_model.safetensors", "clip/model.safetensors"} <= digests.keys()
    for name, digest in digests.items():
        assert hashlib.sha256((OUT / name).read_bytes()).hexdigest() == digest, name


@pytest.mark.parametrize("path", sorted(OUT.rglob("*.safetensors")), ids=lambda path: path.parent.name)
def test_tensors_are_half_precision_and_finite(path: Path) -> None:
    for name, tensor in load_file(path).items():
        assert tensor.dtype in (torch.float16, torch.int64), name
        assert torch.isfinite(tensor.float()).all(), name


def test_the_text_encoder_is_the_clip_text_tower() -> None:
    alone = load_file(OUT / "pipeline" / "text_encoder" / "model.safetensors")
    whole = load_file(OUT / "clip" / "model.safetensors")
    for name, tensor in alone.items():
        assert torch.equal(tensor, whole[f"text_model.{name.removeprefix('text_model.')}"]), name


def test_the_card_says_which_machine_trained_them_for_how_long_and_from_which_commit() -> None:
    facts = read_json(OUT / "training.json")
    for name in ("clip", "tiny_vae", "vae", "unet", "preview"):
        part = facts["parts"][name]
        assert part["machine"].startswith(("cpu ", "gpu ")), name
        assert re.fullmatch("[0-9a-f]{40}", part["commit"]), name
        assert part["minutes"] > 0, name
        assert part["steps"] > 0, name
    assert facts["minutes"] > 0


def test_every_figure_has_an_interval() -> None:
    figures = read_json(OUT / "training.json")["metrics"]
    assert figures == read_json(RESULTS)
    assert {
        "archetype_accuracy",
        "preview_archetype_accuracy",
        "feed_name_accuracy",
        "vae_psnr_db",
    } <= figures.keys()
    for name, row in figures.items():
        assert row["low"] <= row["value"] <= row["high"], name
        assert row["n"] > 1, name


def test_the_preview_adapter_is_there() -> None:
    assert (OUT / "preview" / LORA_FILE).is_file()
