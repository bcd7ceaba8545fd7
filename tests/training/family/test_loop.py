"""A killed part continues from its checkpoint, with the same networks, moments and batches."""

import itertools
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from plateful.errors import ModelError
from tests.training.family.conftest import MICRO
from training.family import checkpoint
from training.family.loop import fit, rate
from training.family.recipe import load_recipe
from training.family.session import Session


class Line:
    """A learner small enough to train in milliseconds; it dies at a given step, as a killed process would."""

    def __init__(self, dies_at: int | None = None, inputs: dict[str, str] | None = None) -> None:
        torch.manual_seed(0)
        self.models = nn.ModuleDict({"line": nn.Linear(3, 1)})
        self.inputs, self.dies_at, self.draws = inputs or {"plates": "a"}, dies_at, []

    def loss(self, rng: np.random.Generator, fraction: float) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:  # noqa: ARG002
        self.draws.append(float(rng.random()))
        if len(self.draws) == self.dies_at:
            raise KeyboardInterrupt
        x = torch.from_numpy(rng.normal(size=(8, 3)).astype(np.float32))
        return (self.models["line"](x).float() - x.sum(1, keepdim=True)).pow(2).mean(), {}


@pytest.fixture
def session(tmp_path: Path) -> Session:
    recipe = load_recipe(MICRO)
    clip = recipe.parts.clip.model_copy(update={"cpu_minutes": 0.002})
    recipe = recipe.model_copy(update={"parts": recipe.parts.model_copy(update={"clip": clip})})
    return Session(recipe, tmp_path / "work", tmp_path / "out", torch.device("cpu"))


def keep_each_step(_step: int, keep: Callable[[], None]) -> None:
    keep()


def test_a_killed_run_continues_where_its_checkpoint_is(session: Session) -> None:
    first = Line(dies_at=4)
    with pytest.raises(KeyboardInterrupt):
        fit(session, "clip", first, at_step=keep_each_step)
    kept = checkpoint.read_state(session.folder("clip"))
    assert kept.step == 3
    second = Line()
    done = fit(session, "clip", second)
    assert done.step == kept.step + len(second.draws)
    assert done.spent > kept.spent
    # The step that died is drawn again, with the very batch it would have had.
    assert second.draws[0] == first.draws[-1]


def test_a_killed_run_ends_exactly_like_an_unbroken_one(session: Session, tmp_path: Path) -> None:
    found = []
    for name, deaths in (("unbroken", []), ("killed", [4, 9])):
        # A clock that counts steps: the rate follows compute spent, which no two real runs share.
        clip = session.recipe.parts.clip.model_copy(update={"cpu_minutes": 20 / 60})
        recipe = session.recipe.model_copy(
            update={"parts": session.recipe.parts.model_copy(update={"clip": clip})}
        )
        run = replace(session, recipe=recipe, work=tmp_path / name, clock=itertools.count().__next__)
        for dies_at in [*deaths, None]:
            learner = Line(dies_at=dies_at)
            average = deepcopy(learner.models).requires_grad_(False)
            try:
                fit(run, "clip", learner, average, 0.9, at_step=keep_each_step)
            except KeyboardInterrupt:
                assert dies_at is not None
        found.append(load_file(run.folder("clip") / checkpoint.FILE))
    unbroken, killed = found
    assert {name.split("/")[0] for name in unbroken} == {"model", "average", "adam"}
    assert unbroken.keys() == killed.keys()
    for name, tensor in unbroken.items():
        assert torch.equal(tensor, killed[name]), name
    assert not torch.equal(unbroken["model/line.weight"], unbroken["average/line.weight"])


def test_weights_and_moments_come_back_exactly(session: Session) -> None:
    learner = Line()
    fit(session, "clip", learner)
    fresh = Line()
    optimizer = torch.optim.AdamW(fresh.models.parameters())
    state = checkpoint.resume(
        session.folder("clip"),
        checkpoint.read_state(session.folder("clip")).inputs,
        fresh.models,
        None,
        optimizer,
    )
    assert torch.equal(fresh.models["line"].weight, learner.models["line"].weight)
    assert optimizer.state[fresh.models["line"].weight]["step"] == state.step


def test_a_finished_part_trains_no_further(session: Session) -> None:
    steps = fit(session, "clip", Line()).step
    again = Line()
    assert fit(session, "clip", again).step == steps
    assert not again.draws


def test_extra_minutes_train_a_finished_part_on(session: Session) -> None:
    steps = fit(session, "clip", Line()).step
    longer = Session(session.recipe, session.work, session.out, session.device, {"clip": 0.002})
    assert fit(longer, "clip", Line()).step > steps


def test_a_checkpoint_on_other_inputs_is_refused(session: Session) -> None:
    fit(session, "clip", Line())
    with pytest.raises(ModelError, match="another plates"):
        fit(session, "clip", Line(inputs={"plates": "b"}))


def test_a_missing_checkpoint_names_the_command(session: Session) -> None:
    with pytest.raises(ModelError, match="--only vae"):
        checkpoint.load(session.folder("vae"), Line().models)


def test_the_rate_warms_up_and_falls(session: Session) -> None:
    settings = session.recipe.parts.clip
    assert rate(settings, 0, 0.0) == pytest.approx(settings.lr / settings.warmup_steps)
    assert rate(settings, 99, 0.0) == pytest.approx(settings.lr)
    assert rate(settings, 99, 1.0) == pytest.approx(0.05 * settings.lr)
