"""The weights in the repository: small enough, unaltered, and of one piece."""

import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from training.family.__main__ import OUT
from training.family.export import MAX_TOTAL_BYTES
from training.family.session import read_json

MAX_SHARD_BYTES = 15 * 2**20


def test_the_family_fits_the_repository() -> None:
    sizes = {path: path.stat().st_size for path in OUT.rglob("*") if path.is_file()}
    assert sum(sizes.values()) <= MAX_TOTAL_BYTES
    assert max(sizes.values()) <= MAX_SHARD_BYTES


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


def test_the_card_says_which_machine_trained_them() -> None:
    facts = read_json(OUT / "training.json")
    assert facts["machine"] in ("cpu", "gpu")
    assert facts["minutes"] > 0
    assert facts["parts"]["unet"]["steps"] > 0
