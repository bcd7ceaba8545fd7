"""The recipe's limits, and the meter that holds a part to its budget."""

from pathlib import Path

import pytest

from plateful.errors import ConfigError
from training.family.meter import Meter
from training.family.recipe import DEFAULT_RECIPE, Budget, load_recipe


def budgets() -> list[Budget]:
    parts = load_recipe().parts
    return [part for name in type(parts).model_fields if isinstance(part := getattr(parts, name), Budget)]


def test_the_recipe_fits_five_hours_of_two_cores() -> None:
    assert sum(part.cpu_minutes for part in budgets()) <= 2 * 5 * 60


def test_the_recipe_fits_twenty_minutes_of_a_gpu() -> None:
    assert sum(part.gpu_minutes for part in budgets()) <= 20


def test_an_unknown_key_is_named(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(DEFAULT_RECIPE.read_text(encoding="utf-8") + "lerning_rate: 1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="lerning_rate"):
        load_recipe(path)


def test_a_preview_must_stop_on_its_teachers_path(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    text = DEFAULT_RECIPE.read_text(encoding="utf-8")
    path.write_text(text.replace("teacher_steps: 12", "teacher_steps: 10"), encoding="utf-8")
    with pytest.raises(ConfigError, match="teacher_steps must be a multiple of steps"):
        load_recipe(path)


def test_a_missing_recipe_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml"):
        load_recipe(tmp_path / "none.yaml")


def test_the_meter_counts_on_from_an_earlier_run() -> None:
    times = iter([100.0, 103.0, 107.0])
    meter = Meter(20.0, lambda: next(times), spent=8.0, wall=lambda: 0.0)
    assert meter.tick() == pytest.approx(11 / 20)
    meter.add(2.0)
    assert meter.tick() == pytest.approx(17 / 20)


def test_the_meter_never_exceeds_its_budget() -> None:
    times = iter([0.0, 50.0])
    assert Meter(20.0, lambda: next(times), wall=lambda: 0.0).tick() == 1.0
