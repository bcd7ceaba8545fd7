"""SD3.5 and FLUX, loaded from tiny safetensors: what a receipt calls honoured changes pixels."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import FluxPipeline, StableDiffusion3Pipeline

from plateful.errors import ConfigError, ModelError
from plateful.models.catalog import CatalogEntry, load_catalog
from plateful.models.request import image_request
from plateful.models.versions import ModelVersion, model_version
from plateful.rendering.compiling import missing_compiler
from plateful.rendering.flow_renderer import FlowRenderer
from plateful.rendering.renderer import CandidateError
from plateful.rendering.renderers import open_renderer
from plateful.rendering.trial import Inputs, open_inputs, plan_request
from plateful.stores.lake import Lake
from plateful.vision.image_io import encode_png
from tests.plateful.rendering.sample import MemoryLimit
from tests.tiny_models import add_flow_lora, build_tiny_flux, build_tiny_sd3

MODELS: dict[str, tuple[Callable[[Path], Path], Any]] = {
    "sd35-medium": (build_tiny_sd3, StableDiffusion3Pipeline),
    "flux1-schnell": (build_tiny_flux, FluxPipeline),
}
PHOTO = np.random.default_rng(3).integers(0, 256, (80, 96, 3), dtype=np.uint8)
MASK = np.pad(np.full((40, 40), 255, np.uint8), ((20, 20), (28, 28)))


def small(name: str, root: Path, **profile: Any) -> ModelVersion:
    """The shipped catalog entry with the tiny weights' sizes."""
    entry = load_catalog()[name]
    size = {"kind": "enum", "values": [64, "96x64"]}
    fields = entry.model_dump(exclude={"capabilities"}) | {
        "capabilities": entry.model_dump()["capabilities"] | {"size": size},
        "profiles": {
            "standard": entry.profiles["standard"].model_dump()
            | {"size": 64, "batch": 2, "dtype": "float32", **profile}
        },
    }
    fields["applications"] = {}
    return model_version(CatalogEntry.model_validate(fields), root)


@pytest.fixture(scope="module", params=MODELS)
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> FlowRenderer:
    root = tmp_path_factory.mktemp("flow")
    build, pipeline = MODELS[request.param]
    folder = build(root / request.param)
    add_flow_lora(folder, pipeline, "house")
    return FlowRenderer(small(request.param, root), device="cpu", threads=1)


def draw(renderer: FlowRenderer, inputs: Inputs | None = None, **fields: Any) -> np.ndarray:
    given = inputs or Inputs()
    asked = {"prompt": "a bowl of noodle soup", "seed": 5, "steps": 28, **fields}
    steps = min(asked["steps"], 4) if renderer.version.entry.family == "flux" else asked["steps"]
    request = image_request(
        **{**asked, "steps": steps}, model=renderer.version.model, init_image=given.init, mask=given.mask
    )
    (task,) = plan_request(request, renderer.version, given)
    (picture,) = renderer.render([task], given.photos, given.masks)
    assert isinstance(picture, np.ndarray), picture
    return picture


def test_every_honoured_parameter_changes_pixels(loaded: FlowRenderer) -> None:
    base = draw(loaded)
    assert base.shape == (64, 64, 3) and base.std() > 1
    assert np.array_equal(base, draw(loaded)), "equal requests, equal pixels"
    changes: dict[str, Any] = {"prompt": "a pizza", "seed": 6, "style": "soft light", "size": "96x64"}
    if loaded.version.entry.family == "sd3":
        changes |= {"steps": 20, "cfg_scale": 9.0, "negative_prompt": "a red plate"}
    else:
        changes |= {"steps": 2}
    for name, value in changes.items():
        other = draw(loaded, **{name: value})
        assert not np.array_equal(base, other), name
        if name == "size":
            assert other.shape == (64, 96, 3)


def test_a_photo_is_repainted_under_its_mask_alone_or_as_a_whole(loaded: FlowRenderer) -> None:
    part, whole = open_inputs(encode_png(PHOTO), encode_png(MASK)), open_inputs(encode_png(PHOTO), None)
    painted, other = (draw(loaded, part, strength=strength) for strength in (1.0, 0.5))
    assert not np.array_equal(painted, other), "strength"
    assert np.array_equal(painted[:3], other[:3]), "outside the mask is the photo"
    everything = draw(loaded, whole, strength=0.5)
    assert not np.array_equal(everything[:3], other[:3])


def test_a_batch_does_not_change_its_members(loaded: FlowRenderer) -> None:
    request = image_request(model=loaded.version.model, prompt="a burger", seed=8, n=3)
    tasks = plan_request(request, loaded.version, Inputs())
    together = loaded.render(tasks, {}, {})
    alone = [loaded.render([task], {}, {})[0] for task in tasks]
    assert all(np.array_equal(*pair) for pair in zip(together, alone, strict=True))


def test_a_lora_changes_pixels_and_the_factory_opens_the_family(loaded: FlowRenderer, tmp_path: Path) -> None:
    folder = loaded.version.folder
    assert folder is not None
    adapted = small(loaded.version.model, folder.parent, adapter="house")
    renderer = open_renderer(adapted, Lake(str(tmp_path)))
    assert isinstance(renderer, FlowRenderer)
    assert not np.array_equal(draw(loaded), draw(renderer))


def test_out_of_memory_halves_the_batch_and_keeps_the_pixels(loaded: FlowRenderer) -> None:
    folder = loaded.version.folder
    assert folder is not None
    roomy = FlowRenderer(small(loaded.version.model, folder.parent, batch=4), device="cpu", threads=1)
    request = image_request(model=roomy.version.model, prompt="a burger", seed=8, n=3, cfg_scale=1, steps=2)
    tasks = plan_request(request, roomy.version, Inputs())
    limit = MemoryLimit(roomy.pipeline.transformer, rows=2)
    pictures = roomy.render(tasks, {}, {})
    assert limit.refused == 1
    assert roomy.device == "cpu, 1 threads, batch 2"
    again = [roomy.render([task], {}, {})[0] for task in tasks]
    assert all(np.array_equal(*pair) for pair in zip(pictures, again, strict=True))


def test_a_compiled_profile_runs_compiled_or_says_that_it_is_eager(loaded: FlowRenderer) -> None:
    folder = loaded.version.folder
    assert folder is not None
    compiled = FlowRenderer(
        small(loaded.version.model, folder.parent, compiled=True), device="cpu", threads=1
    )
    assert ("eager" in compiled.device) == (missing_compiler(torch.device("cpu")) is not None)
    compiled_code = not hasattr(compiled.pipeline.transformer.forward, "__func__")
    assert compiled_code == ("eager" not in compiled.device)
    plain, picture = (draw(renderer, steps=2).astype(int) for renderer in (loaded, compiled))
    assert np.abs(plain - picture).mean() < 1
    compiled.flush()
    assert np.array_equal(picture, draw(compiled, steps=2))


def test_what_cannot_be_painted_is_named(loaded: FlowRenderer) -> None:
    inputs = open_inputs(encode_png(PHOTO), None)
    asked = {
        "model": loaded.version.model,
        "prompt": "a pizza",
        "init_image": inputs.init,
        "mask": inputs.mask,
    }
    reasons = []
    for fields in ({"size": "96x64"}, {}):
        (task,) = plan_request(image_request(**asked, **fields), loaded.version, inputs)
        (result,) = loaded.render([task], inputs.photos if fields else {}, inputs.masks)
        assert isinstance(result, CandidateError)
        reasons.append(result.reason)
    assert reasons == ["size_not_square", "init_image_unreadable"]


def test_a_profile_that_flow_models_do_not_have_and_another_version_are_refused(loaded: FlowRenderer) -> None:
    folder = loaded.version.folder
    assert folder is not None
    with pytest.raises(ConfigError, match="flow models do not have"):
        FlowRenderer(small(loaded.version.model, folder.parent, cache_interval=3))
    other = small(loaded.version.model, folder.parent, batch=3)
    (task,) = plan_request(image_request(model=other.model, prompt="a pizza"), other, Inputs())
    with pytest.raises(ModelError, match="is of model version"):
        loaded.render([task], {}, {})
