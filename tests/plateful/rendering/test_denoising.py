"""Our loop against diffusers' own pipelines, on equal weights and seeds: the same pixels."""

from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    StableDiffusionInpaintPipeline,
    StableDiffusionXLInpaintPipeline,
)
from PIL import Image

from plateful.models.versions import ModelVersion
from plateful.rendering.deepcache import Denoiser
from plateful.rendering.diffusers_renderer import DiffusersRenderer
from plateful.rendering.inpainting import fit
from plateful.rendering.loading import scheduler_class
from plateful.rendering.task import RenderTask
from tests.plateful.rendering.sample import make_task
from tests.plateful.rendering.tiny_pipelines import tiny_pipeline, tiny_version

FAMILIES = ("sd15-random", "sdxl-random")
INPAINT = {"sd15-random": StableDiffusionInpaintPipeline, "sdxl-random": StableDiffusionXLInpaintPipeline}
SIZE, STEPS, SCALE = 64, 6, 4.0
PHOTO = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
MASK = np.zeros((SIZE, SIZE), np.uint8)
MASK[16:48, 16:48] = 255
# One step of 255 is rounding; a wrong guidance, seed or timestep moves most pixels by far more.
ROUNDING = 1


@pytest.fixture(scope="module")
def pipelines() -> dict[str, Any]:
    return {name: tiny_pipeline(name) for name in FAMILIES}


def use_scheduler(pipeline: Any, name: str, prediction: str) -> Any:
    config = {**pipeline.scheduler.config, "prediction_type": prediction}
    pipeline.scheduler = scheduler_class(name).from_config(config)
    return pipeline


def ours(pipeline: Any, version: ModelVersion) -> DiffusersRenderer:
    return DiffusersRenderer(version, device="cpu", threads=1, pipeline=pipeline)


def tasks_of(version: ModelVersion, **changes: Any) -> list[RenderTask]:
    parameters = {"size": SIZE, "steps": STEPS, "cfg_scale": SCALE, **changes.pop("parameters", {})}
    return [make_task(version, dish, parameters=parameters, **changes) for dish in ("soup", "rice")]


def their_arguments(tasks: list[RenderTask]) -> dict[str, Any]:
    pipe = tasks[0].parameters
    return {
        "prompt": [task.prompt for task in tasks],
        "negative_prompt": [task.negative_prompt for task in tasks],
        "num_inference_steps": pipe["steps"],
        "guidance_scale": pipe["cfg_scale"],
        "generator": [torch.Generator("cpu").manual_seed(task.seed) for task in tasks],
        "height": SIZE,
        "width": SIZE,
        "output_type": "np",
    }


def assert_same_pixels(pictures: list[Any], theirs: np.ndarray) -> None:
    for picture, other in zip(pictures, theirs, strict=True):
        expected = (other * 255).round().astype(np.int16)
        assert np.abs(picture.astype(np.int16) - expected).max() <= ROUNDING
    assert theirs.std() > 0.01


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize(
    ("scheduler", "prediction"),
    [
        ("DDIMScheduler", "epsilon"),
        ("DDIMScheduler", "v_prediction"),
        ("DPMSolverMultistepScheduler", "v_prediction"),
        ("EulerDiscreteScheduler", "epsilon"),
        ("EulerAncestralDiscreteScheduler", "epsilon"),
        ("HeunDiscreteScheduler", "epsilon"),
        ("LCMScheduler", "epsilon"),
    ],
)
def test_text_to_image_equals_the_pipelines_own(
    pipelines: dict[str, Any], name: str, scheduler: str, prediction: str
) -> None:
    pipeline = use_scheduler(pipelines[name], scheduler, prediction)
    tasks = tasks_of(tiny_version(name))
    pictures = ours(pipeline, tiny_version(name)).render(tasks, {}, {})
    pipeline.set_progress_bar_config(disable=True)
    assert_same_pixels(pictures, pipeline(**their_arguments(tasks)).images)


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("strength", [1.0, 0.7])
@pytest.mark.parametrize("scheduler", ["DDIMScheduler", "DPMSolverMultistepScheduler"])
def test_inpainting_equals_the_pipelines_own(
    pipelines: dict[str, Any], name: str, strength: float, scheduler: str
) -> None:
    pipeline = use_scheduler(pipelines[name], scheduler, "epsilon")
    version = tiny_version(name)
    photo = {"route": "inpaint", "init_sha256": "photo", "mask_sha256": "mask"}
    tasks = tasks_of(version, parameters={"strength": strength}, **photo)
    renderer = ours(pipeline, version)
    canvas = fit(PHOTO, MASK, SIZE)
    pixels = renderer.render(tasks, {"photo": PHOTO}, {"mask": MASK})
    options = {"requires_safety_checker": False} if name == "sd15-random" else {}
    inpaint = INPAINT[name](**pipeline.components, **options)
    inpaint.set_progress_bar_config(disable=True)
    theirs = inpaint(
        image=[Image.fromarray(canvas.photo)] * 2,
        mask_image=[Image.fromarray((canvas.paint * 255).astype(np.uint8))] * 2,
        strength=strength,
        **their_arguments(tasks),
    ).images
    composed = [canvas.composite((picture * 255).round().astype(np.uint8)) for picture in theirs]
    assert_same_pixels(pixels, np.stack(composed) / 255)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_split_unet_equals_the_plain_one(pipelines: dict[str, Any], name: str) -> None:
    unet, pictures = pipelines[name].unet, []
    for interval in (1, 2):
        # At interval 2 every other step is shallow; two batches of one step each are full in both.
        denoiser = Denoiser(unet, interval)
        version = tiny_version(name, steps=1)
        renderer = ours(use_scheduler(pipelines[name], "DDIMScheduler", "epsilon"), version)
        renderer._denoiser = denoiser
        pictures.append(renderer.render(tasks_of(version, parameters={"steps": 1}), {}, {}))
    for plain, split in zip(*pictures, strict=True):
        assert np.array_equal(plain, split)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_shallow_step_on_its_own_deep_features_is_a_full_step(pipelines: dict[str, Any], name: str) -> None:
    renderer = ours(pipelines[name], tiny_version(name, cache_interval=3))
    denoiser, seen = renderer._denoiser, []
    full = denoiser._run_full

    def both(*arguments: Any) -> Any:
        output, feature = full(*arguments)
        seen.append((output, denoiser._run_shallow(*arguments, feature)))
        return output, feature

    denoiser._run_full = both
    renderer.render(tasks_of(renderer.version), {}, {})
    # Six steps at interval 3.
    assert len(seen) == 2
    for output, shallow in seen:
        torch.testing.assert_close(output, shallow)


@pytest.mark.parametrize("name", FAMILIES)
def test_guidance_is_cut_off_and_evaluates_fewer_rows(pipelines: dict[str, Any], name: str) -> None:
    rows: list[int] = []
    pipeline = use_scheduler(pipelines[name], "DDIMScheduler", "epsilon")
    hook = pipeline.unet.conv_in.register_forward_pre_hook(lambda _m, given: rows.append(len(given[0])))
    try:
        for share, interval in ((None, None), (0.5, None), (0.5, 2)):
            version = tiny_version(name, cfg_share=share, cache_interval=interval)
            pictures = ours(pipeline, version).render(tasks_of(version), {}, {})
            assert all(isinstance(picture, np.ndarray) for picture in pictures)
    finally:
        hook.remove()
    assert rows == [4] * 6 + ([4] * 3 + [2] * 3) * 2


def test_without_guidance_there_is_one_branch(pipelines: dict[str, Any]) -> None:
    pipeline = use_scheduler(pipelines["sd15-random"], "LCMScheduler", "epsilon")
    version = tiny_version("sd15-random")
    tasks = tasks_of(version, parameters={"cfg_scale": 1.0})
    pictures = ours(pipeline, version).render(tasks, {}, {})
    pipeline.set_progress_bar_config(disable=True)
    assert_same_pixels(pictures, pipeline(**their_arguments(tasks)).images)


def test_an_oblong_bucket_has_its_size(pipelines: dict[str, Any]) -> None:
    pipeline = use_scheduler(pipelines["sdxl-random"], "DDIMScheduler", "epsilon")
    version = tiny_version("sdxl-random")
    (picture, _) = ours(pipeline, version).render(tasks_of(version, parameters={"size": "96x64"}), {}, {})
    assert picture.shape == (64, 96, 3)


def test_a_strength_that_leaves_no_step_fails_alone(pipelines: dict[str, Any]) -> None:
    version = tiny_version("sd15-random")
    photo = {"route": "inpaint", "init_sha256": "photo", "mask_sha256": "mask"}
    tasks = tasks_of(version, parameters={"strength": 0.1}, **photo)
    renderer = ours(use_scheduler(pipelines["sd15-random"], "DDIMScheduler", "epsilon"), version)
    failed, _ = renderer.render(tasks, {"photo": PHOTO}, {"mask": MASK})
    assert failed.reason == "strength_too_low"
