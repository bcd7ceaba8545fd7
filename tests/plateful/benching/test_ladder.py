"""The ladder on tiny models: rungs are what they say, measured side by side on equal prompts and seeds."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from plateful.benching.ladder import run_ladder
from plateful.benching.prices import load_prices
from plateful.benching.rungs import Rung, Speedups, first_rung
from plateful.benching.runners import Runners, random_version, weights_of
from plateful.errors import ConfigError
from plateful.evaluation.items import EvalItem
from tests.plateful.rendering.conftest import short_version
from tests.plateful.rendering.tiny_pipelines import tiny_config
from tests.tiny_family import add_lora, build_tiny_family

ITEMS = [
    EvalItem(str(n), dish, dish, "dark", f"a bowl of {dish}", "[]") for n, dish in enumerate(("soup", "tea"))
]
NAMES = [
    "fp32-8-steps",
    "half-precision",
    "batch",
    "tiny-vae",
    "cfg-cut-off",
    "fewer-steps",
    "compile",
    "cache",
]


def brightness(_items: Sequence[EvalItem], pictures: Sequence[np.ndarray]) -> dict[str, list[float]]:
    return {"quality": [float(picture.mean()) / 255 for picture in pictures]}


@pytest.mark.usefixtures("no_compiler")
def test_the_ladder_of_random_weights() -> None:
    name = "sdxl-random"
    runners = Runners(*random_version(name, tiny_config(name)), "cpu", threads=1)
    seen: list[tuple[int, int]] = []
    result = run_ladder(
        runners,
        ITEMS,
        images=3,
        repeats=2,
        speedups=Speedups("EulerDiscreteScheduler", first_steps=8, steps=4, batch=2),
        prices=load_prices(),
        score=None,
        on_progress=lambda *at: seen.append(at),
    )
    assert [rung["name"] for rung in result["rungs"]] == NAMES
    assert result["model"] == name
    assert "cpu" in result["hardware"]
    assert seen[-1] == (16, 16)
    first, *_, cached = result["rungs"]
    assert first["speedup"] == 1.0
    assert first["quality"] is None, "random weights have no quality"
    work = {rung["name"]: rung["tflop_per_image"] for rung in result["rungs"]}
    assert work["half-precision"] == pytest.approx(work["batch"], rel=0.05)
    assert work["cfg-cut-off"] < work["tiny-vae"]
    assert work["cache"] < work["compile"] == work["fewer-steps"] < work["cfg-cut-off"]
    assert all(rung["peak_memory_mb"] > 0 and rung["seconds_per_image"] > 0 for rung in result["rungs"])
    compiled = next(rung for rung in result["rungs"] if rung["name"] == "compile")
    assert "no compiler" in compiled["note"]
    assert "compiled" not in cached["profile"]
    # fp32 on an H100 is modelled from the counted work, on the CPU it was measured.
    costs = first["costs"]
    assert costs["CPU"]["measured"]
    assert not costs["H100"]["measured"]
    assert costs["H100"]["seconds_per_image"] == pytest.approx(
        first["tflop_per_image"] / (67 * 0.4), rel=0.01
    )


def test_the_ladder_of_weights_compares_pair_by_pair(tmp_path: Path) -> None:
    add_lora(build_tiny_family(tmp_path / "plateful-tiny"), "preview")
    version = short_version(tmp_path)
    runners = Runners(version, weights_of(version), "cpu", threads=1)
    result = run_ladder(
        runners,
        ITEMS,
        images=2,
        repeats=1,
        speedups=Speedups(first_steps=6, steps=4, batch=2, compiled=False, distilled=runners.distilled()),
        prices=load_prices(),
        score=brightness,
    )
    first, half, batch = result["rungs"][:3]
    assert "compile" not in [rung["name"] for rung in result["rungs"]]
    assert result["quality_scores"] == ["quality"]
    assert first["quality_change"] == 0
    assert first["quality_change_interval"] == [0.0, 0.0]
    assert first["within_bar"]
    low, high = first["quality_interval"]
    assert low <= first["quality"] <= high
    # The own loop in batches draws the plain call's pictures.
    in_float = batch["profile"]["dtype"] == "float32"
    assert abs(batch["quality_change"]) < (1e-4 if in_float else 0.02)
    assert half["profile"]["dtype"] == "bfloat16"
    *_, cached, distilled = result["rungs"]
    assert (cached["name"], distilled["name"]) == ("cache", "distilled")
    assert (distilled["profile"]["adapter"], distilled["profile"]["steps"]) == ("preview", 4)
    # Four evaluations without guidance, against four of which two are guided.
    assert distilled["tflop_per_image"] < cached["tflop_per_image"] * 1.2
    assert distilled["quality"] != cached["quality"]


def test_the_own_loop_draws_the_plain_calls_pictures(weights: Path) -> None:
    version = short_version(weights)
    runners = Runners(version, weights_of(version), "cpu", threads=1)
    plain = first_rung(version.profile.model_copy(update={"steps": 4}))
    own = Rung("own", "", plain.profile.model_copy(update={"batch": 2}))
    theirs = runners.run(plain, runners.tasks(plain, ITEMS, 2))
    ours = runners.run(own, runners.tasks(own, ITEMS, 2))
    for one, other in zip(theirs, ours, strict=True):
        assert np.abs(one.astype(int) - other.astype(int)).max() <= 1


def test_fewer_images_than_repeats_are_refused(weights: Path) -> None:
    version = short_version(weights)
    with pytest.raises(ConfigError, match="2 images in 3 repeats"):
        run_ladder(
            Runners(version, weights_of(version), "cpu", threads=1),
            ITEMS,
            images=2,
            repeats=3,
            speedups=Speedups(),
            prices=load_prices(),
            score=None,
        )
