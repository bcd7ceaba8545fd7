"""Reference images on tiny SD1.5 and SDXL, loaded from safetensors: they steer their own picture alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from plateful.errors import ModelError
from plateful.identity import sha256_hex
from plateful.models.digests import write_digests
from plateful.models.request import image_request
from plateful.models.versions import ModelVersion
from plateful.rendering.diffusers_renderer import DiffusersRenderer
from plateful.rendering.loading import loaded_bytes
from plateful.rendering.renderer import CandidateError
from plateful.rendering.replay import replay
from plateful.rendering.task import RenderTask
from plateful.rendering.trial import Inputs, check_strict, open_inputs, plan_request
from plateful.stores.lake import Lake
from plateful.vision.image_io import encode_png
from tests.plateful.rendering.sample import COUNTRY, make_task
from tests.plateful.rendering.test_shard import run
from tests.plateful.rendering.tiny_families import FAMILIES, build_tiny, small_version
from tests.tiny_family import add_lora
from tests.tiny_ip_adapter import add_ip_adapter

RNG = np.random.default_rng(4)
PHOTO = RNG.integers(0, 256, (80, 96, 3), dtype=np.uint8)
MASK = np.pad(np.full((40, 40), 255, np.uint8), ((20, 20), (28, 28)))
# Two dishes that differ in shade and grain.
DARK = RNG.integers(0, 90, (50, 70, 3), dtype=np.uint8)
BRIGHT = np.full((60, 60, 3), 230, np.uint8)
# One step of 255 is rounding.
ROUNDING = 1


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    root = tmp_path_factory.mktemp("weights")
    folder = build_tiny(request.param, root / request.param)
    add_lora(folder, "house")
    add_ip_adapter(folder, "ip_adapter")
    add_ip_adapter(folder, "ip_adapter_plus", plus=True)
    return request.param, root


def load(family: tuple[str, Path], profile: str = "ip-adapter", **changes: Any) -> DiffusersRenderer:
    return DiffusersRenderer(small_version(*family, profile, **changes), device="cpu", threads=1)


@pytest.fixture(scope="module")
def steered(family: tuple[str, Path]) -> DiffusersRenderer:
    return load(family)


def tasks_of(version: ModelVersion, inputs: Inputs, **fields: Any) -> list[RenderTask]:
    asked = {"prompt": "a bowl of soup", "seed": 5, **fields}
    named = {"init_image": inputs.init, "mask": inputs.mask, "reference_image": inputs.reference}
    return plan_request(image_request(model=version.model, **asked, **named), version, inputs)


def draw(renderer: DiffusersRenderer, inputs: Inputs | None = None, **fields: Any) -> np.ndarray:
    given = inputs or Inputs()
    (task,) = tasks_of(renderer.version, given, **fields)
    (picture,) = renderer.render([task], given.photos, given.masks)
    assert isinstance(picture, np.ndarray), picture
    return picture


def like(reference: np.ndarray, photo: np.ndarray | None = None, mask: np.ndarray | None = None) -> Inputs:
    first, second = (None if each is None else encode_png(each) for each in (photo, mask))
    return open_inputs(first, second, encode_png(reference))


def test_a_reference_is_honoured_and_steers_the_picture(steered: DiffusersRenderer) -> None:
    (task,) = tasks_of(steered.version, like(DARK))
    line = task.receipt["reference_image"]
    assert (line["status"], line["effective"]) == ("honoured", task.reference_sha256)
    check_strict(tasks_of(steered.version, like(DARK), size=64)[0])
    plain, dark, bright = draw(steered), draw(steered, like(DARK)), draw(steered, like(BRIGHT))
    assert np.array_equal(dark, draw(steered, like(DARK)))
    assert not any(np.array_equal(*pair) for pair in ((plain, dark), (plain, bright), (dark, bright)))
    ids = {tasks_of(steered.version, each)[0].candidate_id for each in (Inputs(), like(DARK), like(BRIGHT))}
    assert len(ids) == 3


def test_without_a_reference_the_pixels_are_the_plain_models(
    family: tuple[str, Path], steered: DiffusersRenderer
) -> None:
    draw(steered, like(DARK))
    assert np.array_equal(draw(steered), draw(load(family, "standard")))


def test_neighbours_with_other_references_change_nothing(steered: DiffusersRenderer) -> None:
    several = [Inputs(), like(DARK), like(BRIGHT), like(DARK, PHOTO), like(BRIGHT, PHOTO, MASK), Inputs()]
    tasks = [
        task
        for n, inputs in enumerate(several)
        for task in tasks_of(steered.version, inputs, prompt=f"dish {n}")
    ]
    photos = {key: photo for inputs in several for key, photo in inputs.photos.items()}
    masks = {key: mask for inputs in several for key, mask in inputs.masks.items()}
    together = steered.render(tasks, photos, masks)
    backwards = steered.render(tasks[::-1], photos, masks)[::-1]
    alone = [steered.render([task], photos, masks)[0] for task in tasks]
    for one, two, three in zip(together, backwards, alone, strict=True):
        assert isinstance(one, np.ndarray)
        assert np.array_equal(one, two) and np.array_equal(one, three)


@pytest.mark.parametrize("adapter", ["ip_adapter", "ip_adapter_plus"])
@pytest.mark.parametrize("guided", [True, False])
def test_the_pixels_equal_the_pipelines_own(family: tuple[str, Path], adapter: str, guided: bool) -> None:
    renderer = load(family, ip_adapter=adapter)
    scale = 4.0 if guided else 1.0
    (task,) = tasks_of(renderer.version, like(DARK), cfg_scale=scale, negative_prompt="text")
    (picture,) = renderer.render([task], like(DARK).photos, {})
    pipeline: Any = renderer.pipeline
    pipeline.set_progress_bar_config(disable=True)
    pipeline.set_ip_adapter_scale(renderer.version.profile.reference_scale)
    theirs = pipeline(
        prompt=task.prompt,
        negative_prompt="text",
        ip_adapter_image=Image.fromarray(DARK),
        num_inference_steps=task.parameters["steps"],
        guidance_scale=scale,
        generator=torch.Generator("cpu").manual_seed(task.seed),
        height=64,
        width=64,
        output_type="np",
    ).images[0]
    expected = (theirs * 255).round().astype(np.int16)
    assert isinstance(picture, np.ndarray)
    assert np.abs(picture.astype(np.int16) - expected).max() <= ROUNDING


def test_repainting_takes_a_reference_too(steered: DiffusersRenderer) -> None:
    for mask in (None, MASK):
        painted = [draw(steered, like(reference, PHOTO, mask)) for reference in (DARK, BRIGHT)]
        assert painted[0].shape == PHOTO.shape
        assert not np.array_equal(*painted)
    assert np.array_equal(painted[0][:3], PHOTO[:3]), "outside the mask is the photo"


def test_guidance_cut_off_and_deepcache_go_with_a_reference(family: tuple[str, Path]) -> None:
    fast = load(family, cfg_share=0.5, cache_interval=2)
    dark, bright = (draw(fast, like(reference)) for reference in (DARK, BRIGHT))
    assert not np.array_equal(dark, bright)
    # Of one step, guided and whole: the split UNet's picture is the plain one's.
    assert np.array_equal(draw(fast, like(DARK), steps=1), draw(load(family), like(DARK), steps=1))


def test_a_lora_and_the_scale_change_pixels_beside_it(
    family: tuple[str, Path], steered: DiffusersRenderer
) -> None:
    base = draw(steered, like(DARK))
    for change in ({"adapter": "house"}, {"reference_scale": 0.2}):
        other = load(family, **change)
        assert other.version != steered.version
        assert not np.array_equal(base, draw(other, like(DARK)))


def test_an_absent_reference_fails_alone(steered: DiffusersRenderer) -> None:
    (task,) = tasks_of(steered.version, like(DARK))
    (good,) = tasks_of(steered.version, Inputs())
    failed, picture = steered.render([task, good], {}, {})
    assert isinstance(failed, CandidateError) and failed.reason == "reference_image_unreadable"
    assert isinstance(picture, np.ndarray)


def test_a_shard_finds_the_reference_in_the_lake_and_replay_does_too(
    steered: DiffusersRenderer, lake: Lake
) -> None:
    png = encode_png(DARK)
    lake.put_image(sha256_hex(png), png)
    parameters = {"size": 64, "steps": 4, "cfg_scale": 4.0}
    task = make_task(steered.version, "soup", parameters=parameters, reference_sha256=sha256_hex(png))
    run(lake, [task], steered)
    assert replay(task.candidate_id, COUNTRY, lake, steered).identical


def test_a_loaded_adapter_counts_as_memory(family: tuple[str, Path], steered: DiffusersRenderer) -> None:
    assert loaded_bytes(steered.version) == pytest.approx(steered.bytes, rel=0.01)
    assert steered.bytes > load(family, "standard").bytes


def test_a_model_without_an_adapter_drops_the_reference_and_says_so(family: tuple[str, Path]) -> None:
    (task,) = tasks_of(small_version(*family), like(DARK))
    line = task.receipt["reference_image"]
    assert (line["status"], line["effective"], task.reference_sha256) == ("dropped", None, None)


@pytest.mark.parametrize("fault", ["no file", "two files", "no encoder", "another family's"])
def test_an_adapter_that_cannot_be_used_is_named(tmp_path: Path, fault: str) -> None:
    folder = build_tiny("sd15", tmp_path / "sd15")
    add_ip_adapter(folder, "ip_adapter")
    adapter = folder / "ip_adapter"
    file = adapter / "ip-adapter.safetensors"
    if fault == "no file":
        file.unlink()
    elif fault == "two files":
        (adapter / "other.safetensors").write_bytes(file.read_bytes())
    elif fault == "no encoder":
        (adapter / "image_encoder").rename(tmp_path / "away")
    else:
        other = build_tiny("sdxl", tmp_path / "sdxl")
        add_ip_adapter(other, "ip_adapter")
        file.write_bytes((other / "ip_adapter" / file.name).read_bytes())
    write_digests(folder)
    with pytest.raises(ModelError, match=r"IP-Adapter.*'sd15'"):
        load(("sd15", tmp_path))
