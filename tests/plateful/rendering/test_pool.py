"""The pool of loaded models, and what a renderer does when memory runs out."""

import logging
from pathlib import Path

import numpy as np
import pytest

from plateful.errors import ModelError
from plateful.models.versions import ModelVersion
from plateful.rendering.diffusers_renderer import DiffusersRenderer
from plateful.rendering.loading import loaded_bytes
from plateful.rendering.pool import GIB, ModelPool, get_renderer
from plateful.rendering.replay import replay
from plateful.stores.lake import Lake
from tests.plateful.rendering.conftest import short_version
from tests.plateful.rendering.sample import COUNTRY, MemoryLimit, make_task
from tests.plateful.rendering.test_shard import assert_complete, run


@pytest.fixture(scope="module")
def versions(weights: Path) -> list[ModelVersion]:
    return [short_version(weights, name=name, steps=2) for name in ("one", "two", "three")]


@pytest.fixture
def roomy(weights: Path) -> DiffusersRenderer:
    return DiffusersRenderer(short_version(weights, steps=2, batch=4), device="cpu", threads=1)


def test_the_estimate_is_what_loading_takes(renderer: DiffusersRenderer, weights: Path) -> None:
    # Buffers that files do not hold (positions) are the difference.
    assert loaded_bytes(renderer.version) == pytest.approx(renderer.bytes, rel=0.01)
    half = short_version(weights, dtype="bfloat16", vae="tiny")
    small = DiffusersRenderer(half, device="cpu", threads=1)
    assert loaded_bytes(half) == pytest.approx(small.bytes, rel=0.01)
    assert small.bytes < 0.6 * renderer.bytes


def test_the_least_recently_used_model_leaves_when_the_budget_is_exceeded(
    versions: list[ModelVersion],
) -> None:
    one, two, three = versions
    pool = ModelPool(budget=int(2.5 * loaded_bytes(one)))
    first = pool.get(one)
    pool.get(two)
    assert pool.get(one) is first
    assert pool.versions == [two, one]
    pool.get(three)
    assert pool.versions == [one, three]
    assert pool.bytes <= pool.budget


def test_a_swap_flushes_what_belonged_to_the_last_model(versions: list[ModelVersion]) -> None:
    one, two, _ = versions
    pool = ModelPool(budget=10 * loaded_bytes(one))
    pool.get(one).render([make_task(one, "soup")], {}, {})
    kept = len(pool.texts)
    assert kept == 2
    assert pool.get(one).text.pair("a bowl of soup", "text")
    assert len(pool.texts) == kept, "the same model's embeddings stay"
    pool.get(two)
    assert len(pool.texts) == 0
    # And come back: the same pixels.
    (again,) = pool.get(one).render([make_task(one, "soup")], {}, {})
    (fresh,) = DiffusersRenderer(one).render([make_task(one, "soup")], {}, {})
    assert np.array_equal(again, fresh)


def test_a_model_over_the_budget_is_named(versions: list[ModelVersion]) -> None:
    pool = ModelPool(budget=1000)
    with pytest.raises(ModelError, match=r"'plateful-tiny' takes 0\.00 GiB.*PLATEFUL_MODEL_MEMORY"):
        pool.get(versions[0])


def test_the_process_has_one_renderer_per_version(versions: list[ModelVersion]) -> None:
    assert get_renderer(versions[0]) is get_renderer(versions[0])
    budget = loaded_bytes(versions[0]) * 1.5 / GIB
    first = get_renderer(versions[0], budget)
    get_renderer(versions[1], budget)
    assert get_renderer(versions[0], budget) is not first


def test_out_of_memory_halves_the_batch_and_loses_nothing(
    roomy: DiffusersRenderer, lake: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    limit = MemoryLimit(roomy.pipeline.unet, rows=4)
    tasks = [make_task(roomy.version, str(number)) for number in range(6)]
    with caplog.at_level(logging.WARNING):
        report = run(lake, tasks, roomy)
    assert (report.rendered, report.quarantined) == (6, 0)
    assert_complete(lake, tasks)
    # Guidance doubles the rows: 8 do not fit, 4 do; tried once, not again with every batch.
    assert limit.refused == 1
    assert "goes on with batches of 2" in caplog.text
    assert roomy.device == "cpu, 1 threads, batch 2"


def test_pixels_of_a_halved_batch_replay(roomy: DiffusersRenderer, lake: Lake) -> None:
    MemoryLimit(roomy.pipeline.unet, rows=2)
    task = make_task(roomy.version, "soup")
    run(lake, [task], roomy)
    assert roomy.device == "cpu, 1 threads, batch 1"
    fresh = DiffusersRenderer(roomy.version, device="cpu", threads=1)
    result = replay(task.candidate_id, COUNTRY, lake, fresh)
    assert result.identical
    assert result.device == result.rendered_on == "cpu, 1 threads, batch 1"


def test_no_memory_for_one_candidate_stops_the_shard(roomy: DiffusersRenderer, lake: Lake) -> None:
    MemoryLimit(roomy.pipeline.unet, rows=1)
    with pytest.raises(ModelError, match="no memory left for one candidate on cpu"):
        run(lake, [make_task(roomy.version, "soup")], roomy)
