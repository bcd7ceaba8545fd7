"""The corpus on disk: drawn once, and never taken for another one."""

from pathlib import Path

import pytest
import torch

from plateful.errors import ModelError
from training.family.corpus import load_corpus, render_corpus
from training.family.drawing import renderer_digest
from training.family.recipe import load_recipe
from training.family.session import Session

MICRO = Path(__file__).with_name("micro.yaml")


def session_of(work: Path, **plates: object) -> Session:
    recipe = load_recipe(MICRO)
    data = recipe.parts.data.model_copy(update={"plates": 4, **plates})
    parts = recipe.parts.model_copy(update={"data": data})
    return Session(recipe.model_copy(update={"parts": parts}), work, work / "out", torch.device("cpu"))


def test_plates_of_other_settings_are_not_taken_for_these(tmp_path: Path) -> None:
    render_corpus(session_of(tmp_path))
    corpus = load_corpus(session_of(tmp_path))
    assert len(corpus.records) == 4
    render_corpus(session_of(tmp_path, cpu_minutes=9.0))
    with pytest.raises(ModelError, match="drawn with other settings or by another renderer"):
        render_corpus(session_of(tmp_path, first_seed=7))


def test_the_digest_tells_how_plates_are_drawn() -> None:
    assert renderer_digest(32) == renderer_digest(32)
    assert renderer_digest(32) != renderer_digest(40)
