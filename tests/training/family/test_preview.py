"""The preview's adapter: exported with its strongest directions alone."""

import pytest
import torch

from training.family.preview import truncated


def pair(down: tuple[int, ...], up: tuple[int, ...]) -> dict[str, torch.Tensor]:
    drawn = torch.Generator().manual_seed(3)
    return {
        "layer.lora_A.weight": torch.randn(down, generator=drawn),
        "layer.lora_B.weight": torch.randn(up, generator=drawn),
    }


def product(layers: dict[str, torch.Tensor]) -> torch.Tensor:
    return layers["layer.lora_B.weight"].flatten(1) @ layers["layer.lora_A.weight"].flatten(1)


@pytest.mark.parametrize(("down", "up"), [((6, 20), (16, 6)), ((6, 8, 3, 3), (16, 6, 1, 1))])
def test_the_strongest_directions_are_kept(down: tuple[int, ...], up: tuple[int, ...]) -> None:
    layers = pair(down, up)
    whole, weak = truncated(layers, 6), truncated(layers, 4)
    assert all(tensor.is_contiguous() for tensor in weak.values()), "safetensors takes no others"
    assert torch.allclose(product(whole), product(layers), atol=1e-4)
    assert weak["layer.lora_A.weight"].shape == (4, *down[1:])
    assert weak["layer.lora_B.weight"].shape == (16, 4, *up[2:])
    lost = torch.linalg.matrix_norm(product(layers) - product(weak))
    directions = torch.linalg.svdvals(product(layers))
    assert lost == pytest.approx(float(directions[4:].norm()), rel=1e-3)
