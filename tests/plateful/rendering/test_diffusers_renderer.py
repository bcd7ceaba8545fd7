"""The real pipelines on micro weights: pixels follow from the task alone, and one bad task harms no other."""

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from plateful.errors import ConfigError, ModelError, RenderError
from plateful.models.versions import ModelVersion, model_version
from plateful.rendering.diffusers_renderer import DiffusersRenderer
from plateful.rendering.renderer import CandidateError
from plateful.rendering.task import RenderTask
from plateful.rendering.text import Embedding, TextCache, TextEmbedder
from tests.plateful.rendering.conftest import short_version
from tests.plateful.rendering.sample import make_task
from tests.tiny_family import add_lora, build_tiny_family

LONG = "noodle soup with beef and egg, " * 20
PHOTO = np.random.default_rng(0).integers(0, 256, (150, 200, 3), dtype=np.uint8)
MASK = np.zeros((150, 200), np.uint8)
MASK[40:110, 60:140] = 255


def paint(renderer: DiffusersRenderer, tasks: list[RenderTask]) -> list[np.ndarray]:
    pictures = renderer.render(tasks, {"photo": PHOTO}, {"mask": MASK})
    assert not any(isinstance(picture, RenderError) for picture in pictures)
    return pictures  # type: ignore[return-value]


def inpaint_task(version: ModelVersion, subject: str, strength: float = 0.9, **changes: object) -> RenderTask:
    parameters = {"size": 128, "steps": 4, "cfg_scale": 4.0, "strength": strength}
    given = {"init_sha256": "photo", "mask_sha256": "mask", "parameters": parameters, **changes}
    return make_task(version, subject, route="inpaint", **given)


def test_pixels_do_not_depend_on_neighbours_place_or_padding(
    renderer: DiffusersRenderer, version: ModelVersion
) -> None:
    tasks = [make_task(version, dish) for dish in ("soup", "rice", "tea", "cake")]
    tasks += [
        make_task(version, "long", prompt=LONG),
        inpaint_task(version, "pizza"),
        inpaint_task(version, "pie"),
    ]
    together = paint(renderer, tasks)
    backwards = paint(renderer, tasks[::-1])[::-1]
    alone = [paint(renderer, [task])[0] for task in tasks]
    for first, second, third in zip(together, backwards, alone, strict=True):
        assert first.shape in ((128, 128, 3), PHOTO.shape)
        assert first.dtype == np.uint8
        assert np.array_equal(first, second)
        assert np.array_equal(first, third)
    assert len({picture.tobytes() for picture in together}) == len(tasks)


def test_an_adapter_is_merged_and_renders_without_guidance_in_few_steps(
    tmp_path: Path, version: ModelVersion
) -> None:
    folder = build_tiny_family(tmp_path / "plateful-tiny")
    add_lora(folder, "preview")
    profile = {"adapter": "preview", "scheduler": "DDIMScheduler", "steps": 4, "cfg_scale": 1.0}
    run = version.profile.model_copy(update=profile)
    preview = DiffusersRenderer(model_version(version.entry, tmp_path, run))
    parameters = {"size": 128, "steps": 4, "cfg_scale": 1.0}
    drawn = paint(preview, [make_task(preview.version, "soup", parameters=parameters)])[0]
    plain = dataclasses.replace(
        preview.version, profile=preview.version.profile.model_copy(update={"adapter": None})
    )
    without = paint(DiffusersRenderer(plain), [make_task(plain, "soup", parameters=parameters)])[0]
    assert drawn.shape == (128, 128, 3)
    assert not np.array_equal(drawn, without)
    assert not hasattr(preview.pipeline.unet, "peft_config")


def test_batches_hold_every_task_once_and_only_equal_shapes(
    renderer: DiffusersRenderer, version: ModelVersion
) -> None:
    tasks = [make_task(version, str(n), prompt=LONG if n % 3 else "tea") for n in range(8)]
    tasks.append(inpaint_task(version, "pizza"))
    batches = renderer.batches(tasks)
    assert sorted(t.candidate_id for b in batches for t in b) == sorted(t.candidate_id for t in tasks)
    assert sorted(len(b) for b in batches) == [1, 2, 3, 3]
    for batch in batches:
        assert len({(t.route, renderer.text.chunks(t.prompt, t.negative_prompt)) for t in batch}) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"prompt": "a marble cake"},
        {"negative_prompt": "blur"},
        {"parameters": {"size": 128, "steps": 5, "cfg_scale": 4.0}},
        {"parameters": {"size": 128, "steps": 4, "cfg_scale": 7.0}},
    ],
)
def test_what_is_honoured_changes_the_pixels(
    renderer: DiffusersRenderer, version: ModelVersion, changes: dict
) -> None:
    base, other = make_task(version, "soup"), make_task(version, "soup", **changes)
    assert base.candidate_id != other.candidate_id
    first, second = paint(renderer, [base, other])
    assert not np.array_equal(first, second)


def test_inpainting_keeps_the_photo_outside_the_feathered_mask(
    renderer: DiffusersRenderer, version: ModelVersion
) -> None:
    (picture,) = paint(renderer, [inpaint_task(version, "pizza")])
    assert picture.shape == PHOTO.shape
    reach = 12
    outside = cv2.dilate(MASK, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)) == 0
    assert np.array_equal(picture[outside], PHOTO[outside])
    assert (picture[MASK > 0] != PHOTO[MASK > 0]).mean() > 0.9


def test_strength_changes_the_pixels(renderer: DiffusersRenderer, version: ModelVersion) -> None:
    weak, strong = paint(renderer, [inpaint_task(version, "pizza", 0.5), inpaint_task(version, "pizza", 1.0)])
    assert not np.array_equal(weak, strong)


class PoisonedText(TextEmbedder):
    """Embeds prompts that name poison as numbers that are not finite."""

    def _compute(self, prompt: str) -> Embedding:
        embedding = super()._compute(prompt)
        return Embedding(embedding.tokens * float("nan")) if "poison" in prompt else embedding


def test_a_picture_that_is_not_finite_fails_alone(
    renderer: DiffusersRenderer, version: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = [make_task(version, "soup"), make_task(version, "tea")]
    expected = paint(renderer, good)
    encoders = [(renderer.pipeline.tokenizer, renderer.pipeline.text_encoder)]
    monkeypatch.setattr(renderer, "text", PoisonedText(encoders, version.digest, TextCache()))
    first, poisoned, second = renderer.render([good[0], make_task(version, "poison"), good[1]], {}, {})
    assert isinstance(poisoned, CandidateError)
    assert poisoned.reason == "not_finite"
    assert "request-poison" in str(poisoned)
    assert np.array_equal(first, expected[0])
    assert np.array_equal(second, expected[1])


@pytest.mark.parametrize("missing", ["photo", "mask", "empty mask", "other size"])
def test_a_bad_photo_or_mask_fails_alone(
    renderer: DiffusersRenderer, version: ModelVersion, missing: str
) -> None:
    bad = {"photo": "gone"} if missing == "photo" else {"photo": "photo"}
    masks = {"mask": MASK, "empty mask": MASK * 0, "other size": MASK[:50]}
    task = inpaint_task(
        version, "pizza", init_sha256=bad["photo"], mask_sha256="gone" if missing == "mask" else missing
    )
    good = inpaint_task(version, "pie")
    failed, picture = renderer.render([task, good], {"photo": PHOTO}, masks)
    assert isinstance(failed, CandidateError)
    assert failed.reason == "init_image_unreadable"
    assert np.array_equal(picture, paint(renderer, [good])[0])


def test_a_task_of_another_version_is_refused(renderer: DiffusersRenderer, version: ModelVersion) -> None:
    task = dataclasses.replace(make_task(version, "soup"), model_version="f" * 64)
    with pytest.raises(ModelError, match=r"model version ffff.*this renderer is"):
        renderer.render([task], {}, {})


def test_profiles_choose_autoencoder_and_scheduler(
    weights: Path, renderer: DiffusersRenderer, version: ModelVersion
) -> None:
    (reference,) = paint(renderer, [make_task(version, "soup")])
    for profile in ({"vae": "tiny"}, {"scheduler": "DDIMScheduler"}, {"dtype": "bfloat16"}):
        other = short_version(weights, **profile)
        loaded = DiffusersRenderer(other, device="cpu", threads=1)
        (picture,) = paint(loaded, [make_task(other, "soup")])
        (painted,) = paint(loaded, [inpaint_task(other, "soup")])
        assert picture.shape == (128, 128, 3)
        assert painted.shape == PHOTO.shape
        assert not np.array_equal(picture, reference)


def test_an_unknown_scheduler_is_named(weights: Path) -> None:
    with pytest.raises(ConfigError, match="'EulerMagic'"):
        DiffusersRenderer(short_version(weights, scheduler="EulerMagic"), device="cpu")


def test_other_code_that_sets_threads_changes_no_pixels(
    renderer: DiffusersRenderer, version: ModelVersion
) -> None:
    (before,) = paint(renderer, [make_task(version, "soup")])
    torch.set_num_threads(2)
    (after,) = paint(renderer, [make_task(version, "soup")])
    assert np.array_equal(before, after)
    assert torch.get_num_threads() == 1


def test_a_recorded_cpu_is_imitated_inside_the_block(renderer: DiffusersRenderer) -> None:
    assert renderer.device == "cpu, 1 threads"
    with renderer.like("cpu, 3 threads"):
        assert renderer.device == "cpu, 3 threads"
    with renderer.like("NVIDIA H100"):
        assert renderer.device == "cpu, 1 threads"
    assert renderer.device == "cpu, 1 threads"
