"""SD1.5 and SDXL, loaded from tiny safetensors: photos are repainted, and a LoRA counts in every layer."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from plateful.errors import ModelError
from plateful.models.digests import write_digests
from plateful.models.request import image_request
from plateful.rendering.diffusers_renderer import DiffusersRenderer
from plateful.rendering.loading import LORA_FILE
from plateful.rendering.trial import Inputs, open_inputs, plan_request
from plateful.vision.image_io import encode_png
from tests.plateful.rendering.tiny_families import FAMILIES, build_tiny, small_version
from tests.tiny_family import add_lora

PHOTO = np.random.default_rng(3).integers(0, 256, (80, 96, 3), dtype=np.uint8)
MASK = np.pad(np.full((40, 40), 255, np.uint8), ((20, 20), (28, 28)))


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    root = tmp_path_factory.mktemp("weights")
    add_lora(build_tiny(request.param, root / request.param), "house")
    return request.param, root


def load(family: tuple[str, Path], **changes: Any) -> DiffusersRenderer:
    return DiffusersRenderer(small_version(*family, **changes), device="cpu", threads=1)


@pytest.fixture(scope="module")
def plain(family: tuple[str, Path]) -> DiffusersRenderer:
    return load(family)


def draw(renderer: DiffusersRenderer, inputs: Inputs | None = None, **fields: Any) -> np.ndarray:
    given = inputs or Inputs()
    asked = {"prompt": "a bowl of noodle soup", "seed": 5, **fields}
    request = image_request(**asked, model=renderer.version.model, init_image=given.init, mask=given.mask)
    (task,) = plan_request(request, renderer.version, given)
    (picture,) = renderer.render([task], given.photos, given.masks)
    assert isinstance(picture, np.ndarray), picture
    return picture


def test_every_honoured_parameter_changes_pixels(plain: DiffusersRenderer) -> None:
    base = draw(plain)
    assert base.shape == (64, 64, 3) and base.std() > 1
    changes = {"prompt": "a pizza", "seed": 6, "style": "soft light", "steps": 5, "cfg_scale": 9.0}
    for name, value in {**changes, "negative_prompt": "a red plate", "size": "96x64"}.items():
        assert not np.array_equal(base, draw(plain, **{name: value})), name
    assert draw(plain, size="96x64").shape == (64, 96, 3)


def test_a_photo_is_repainted_under_its_mask_alone_or_as_a_whole(plain: DiffusersRenderer) -> None:
    part, whole = open_inputs(encode_png(PHOTO), encode_png(MASK)), open_inputs(encode_png(PHOTO), None)
    painted, other = (draw(plain, part, strength=strength) for strength in (1.0, 0.5))
    assert not np.array_equal(painted, other), "strength"
    assert np.array_equal(painted[:3], PHOTO[:3]), "outside the mask is the photo"
    assert not np.array_equal(draw(plain, whole, strength=0.5)[:3], PHOTO[:3])


def test_a_lora_is_merged_into_every_layer_that_it_names(
    family: tuple[str, Path], plain: DiffusersRenderer
) -> None:
    adapted = load(family, adapter="house")
    before, after = (each.pipeline.unet.state_dict() for each in (plain, adapted))
    changed = {name for name, tensor in before.items() if not torch.equal(tensor, after[name])}
    named = load_file(family[1] / family[0] / "house" / LORA_FILE)
    layers = {name.removeprefix("unet.").rsplit(".lora_", 1)[0] + ".weight" for name in named}
    assert changed == layers and any("to_q" in name for name in layers)
    assert not np.array_equal(draw(plain), draw(adapted))


def test_a_lora_whose_layers_are_named_in_two_ways_is_refused(tmp_path: Path) -> None:
    folder = build_tiny("sd15", tmp_path / "sd15")
    add_lora(folder, "house")
    file = folder / "house" / LORA_FILE
    halves = {"lora_A": "lora.down", "lora_B": "lora.up"}

    def renamed(name: str) -> str:
        for ours, theirs in halves.items() if "to_q" in name else ():
            name = name.replace(ours, theirs)
        return name

    save_file({renamed(name): tensor for name, tensor in load_file(file).items()}, file)
    write_digests(folder)
    with pytest.raises(ModelError, match=r"'house' of 'sd15' names layers both"):
        load(("sd15", tmp_path), adapter="house")
