"""The frozen set: pinned, balanced, and askable by the judge."""

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from eval_sets import load_eval_set
from eval_sets.loader import DIGESTS, FOLDER
from eval_sets.plates import make_set, write_set
from plateful.errors import ConfigError, ContractError
from plateful.judging.judge import Line
from training.plates import ARCHETYPES, BACKGROUNDS


@pytest.mark.parametrize("name", DIGESTS)
def test_every_pinned_set_loads_with_its_digest(name: str) -> None:
    assert load_eval_set(name).digest == DIGESTS[name]


def test_every_archetype_stands_on_every_background_once() -> None:
    items = load_eval_set("plates_v1").items
    assert len(items) >= 120
    assert Counter((i.stratum, i.background) for i in items) == Counter(
        (a, b) for a in ARCHETYPES for b in BACKGROUNDS
    )
    assert len({i.item_id for i in items}) == len(items)
    assert all(f"on a {i.background} background" in i.prompt for i in items)
    assert all(i.phrase == ARCHETYPES[i.stratum].phrase for i in items), (
        "the renderer's words moved: freeze a new set"
    )


def test_rubrics_are_lines_the_judge_takes() -> None:
    for item in load_eval_set("plates_v1").items:
        lines = [Line(**line) for line in json.loads(item.rubric)]
        assert [line.claim for line in lines] == ["shows_dish", "shows_ingredient", "background"]
        assert all(line.positive not in line.negatives for line in lines)


def test_a_changed_or_missing_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plates_v1.jsonl"
    with pytest.raises(ContractError, match="frozen was"):
        load_eval_set("plates_v1", tmp_path)
    shutil.copy(FOLDER / path.name, path)
    assert load_eval_set("plates_v1", tmp_path).items
    path.write_text(path.read_text().replace("pizza", "pizzas", 1))
    with pytest.raises(ContractError, match="has sha256"):
        load_eval_set("plates_v1", tmp_path)


def test_an_unknown_set_is_named() -> None:
    with pytest.raises(ConfigError, match="'plates_v9' does not exist -> use one of plates_v1"):
        load_eval_set("plates_v9")


def test_a_set_is_made_the_same_each_time_and_never_overwritten(tmp_path: Path) -> None:
    digest = write_set("new", tmp_path)
    with pytest.raises(FileExistsError):
        write_set("new", tmp_path)
    (tmp_path / "new.jsonl").unlink()
    assert write_set("new", tmp_path) == digest
    assert len(make_set()) == len(ARCHETYPES) * len(BACKGROUNDS)
