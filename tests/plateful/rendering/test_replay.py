"""Replay: the same manifest on the same kind of device gives the same pixels, bit for bit."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from plateful.errors import ModelError, RenderError, StoreError
from plateful.identity import sha256_hex
from plateful.models.versions import ModelVersion
from plateful.rendering.device_kind import DeviceKind
from plateful.rendering.diffusers_renderer import DiffusersRenderer
from plateful.rendering.replay import replay
from plateful.rendering.task import RenderTask
from plateful.stores.lake import Lake
from plateful.vision.image_io import encode_png
from tests.plateful.rendering.conftest import short_version
from tests.plateful.rendering.sample import COUNTRY, make_task
from tests.plateful.rendering.test_shard import run


def stored(lake: Lake, array: np.ndarray) -> str:
    png = encode_png(array)
    lake.put_image(sha256_hex(png), png)
    return sha256_hex(png)


def sample_tasks(lake: Lake, version: ModelVersion) -> list[RenderTask]:
    mask = np.zeros((150, 210), np.uint8)
    mask[40:90, 40:130] = 255
    photo = stored(lake, np.random.default_rng(1).integers(0, 256, (150, 210, 3), dtype=np.uint8))
    parameters = {"size": 128, "steps": 4, "cfg_scale": 4.0, "strength": 0.8}
    inpaint = {
        "route": "inpaint",
        "init_sha256": photo,
        "mask_sha256": stored(lake, mask),
        "parameters": parameters,
    }
    texts = [make_task(version, str(n)) for n in range(4)]
    return [
        *texts,
        make_task(version, "long", prompt="beef noodle " * 90),
        make_task(version, "pie", **inpaint),
    ]


def test_every_candidate_replays_bit_for_bit_on_a_fresh_renderer(
    lake: Lake, renderer: DiffusersRenderer, version: ModelVersion
) -> None:
    tasks = sample_tasks(lake, version)
    run(lake, tasks, renderer)
    # Another number of cores: replay takes the threads that the manifest names.
    fresh = DiffusersRenderer(version, device="cpu", threads=2)
    for task in tasks:
        result = replay(task.candidate_id, COUNTRY, lake, fresh)
        assert result.identical, task
        assert result.stored_sha == result.replayed_sha
        assert result.device == result.rendered_on == "cpu, 1 threads"


def test_other_pixels_are_reported(lake: Lake, renderer: DiffusersRenderer, version: ModelVersion) -> None:
    task = make_task(version, "soup")
    run(lake, [task], renderer)

    class Drifting(DiffusersRenderer):
        def __init__(self) -> None:
            self.version, self._kind = version, DeviceKind(torch.device("cpu"), 1, batch=3, usual=3)

        def render(self, *args: object) -> list[np.ndarray | RenderError]:
            return [picture ^ 1 for picture in renderer.render(*args)]  # type: ignore[arg-type, operator]

    result = replay(task.candidate_id, COUNTRY, lake, Drifting())
    assert not result.identical
    assert result.stored_sha != result.replayed_sha


def test_an_unknown_candidate_is_named(lake: Lake, renderer: DiffusersRenderer) -> None:
    with pytest.raises(StoreError, match="'abcabcabc'"):
        replay("abcabcabc", COUNTRY, lake, renderer)


def test_another_model_version_is_refused(
    lake: Lake, renderer: DiffusersRenderer, version: ModelVersion, weights: Path
) -> None:
    task = make_task(version, "soup")
    run(lake, [task], renderer)
    other = dataclasses.replace(version, digest="f" * 64)
    assert short_version(weights, steps=9).digest != version.digest
    holder = DiffusersRenderer.__new__(DiffusersRenderer)
    holder.version = other
    with pytest.raises(ModelError, match="ffffffffffff"):
        replay(task.candidate_id, COUNTRY, lake, holder)


def test_an_altered_stored_file_is_refused(
    lake: Lake, renderer: DiffusersRenderer, version: ModelVersion
) -> None:
    task = make_task(version, "soup")
    run(lake, [task], renderer)
    (path,) = Path(lake.root).rglob(f"{task.candidate_id}.png")
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(StoreError, match="not the one recorded"):
        replay(task.candidate_id, COUNTRY, lake, renderer)
