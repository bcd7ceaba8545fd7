"""The one training loop: every network is a `Learner`, run by `fit` until its budget is spent."""

import math
from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from torch import nn

from training.family import checkpoint
from training.family.checkpoint import State
from training.family.meter import Progress
from training.family.recipe import Trained, digest_of
from training.family.session import Session

# A checkpoint every minute of wall time costs under 0.5 % and loses at most that much to a kill.
CHECKPOINT_SECONDS = 60.0
FINAL_LR_SHARE = 0.05


class Learner(Protocol):
    """A trainable part: its networks and one step's loss."""

    models: nn.ModuleDict
    inputs: dict[str, str]

    def loss(self, rng: np.random.Generator, fraction: float) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """The loss of one batch drawn with `rng`, and measures; `fraction` of the budget is spent."""
        ...


def rate(settings: Trained, step: int, fraction: float) -> float:
    """Learning rate: linear warm-up in steps, then a cosine over the budget down to 5 %."""
    cosine = FINAL_LR_SHARE + (1 - FINAL_LR_SHARE) * 0.5 * (1 + math.cos(math.pi * fraction))
    return settings.lr * min(1.0, (step + 1) / settings.warmup_steps) * cosine


def fit(
    session: Session,
    part: str,
    learner: Learner,
    average: nn.ModuleDict | None = None,
    decay: float = 0.0,
    at_step: Callable[[int, Callable[[], None]], None] | None = None,
) -> State:
    """Train `learner` until the part's budget is spent, from its checkpoint if it has one.

    Args:
        session: recipe, folders and device.
        part: name of the part in the recipe, and of its folder.
        learner: the networks and their loss.
        average: networks that follow the learner's as an exponential moving average.
        decay: of that average, per step.
        at_step: called after each step with the step number and a function that saves a checkpoint.
    """
    settings: Trained = getattr(session.recipe.parts, part)
    folder = session.folder(part)
    learner.models.to(session.device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(
        learner.models.parameters(),
        lr=settings.lr,
        betas=(0.9, 0.98),
        weight_decay=settings.weight_decay,
        fused=True,
    )
    inputs = {"model settings": digest_of(settings.model), **learner.inputs}
    state = checkpoint.resume(folder, inputs, learner.models, average, optimizer)
    meter = session.meter(part, state.spent)
    progress = Progress(part, meter)
    saved_at = meter.wall()
    began_at = state.step

    def keep() -> None:
        state.spent = meter.spent
        checkpoint.save(folder, state, learner.models, average, optimizer)

    while meter.tick() < 1.0:
        measures = _step(session, settings, learner, optimizer, state, meter.fraction)
        state.step += 1
        if average is not None:
            _follow(average, learner.models, decay, state.step)
        for name, value in measures.items():
            state.measures[name] = 0.98 * state.measures.get(name, float(value)) + 0.02 * float(value)
        progress.show(f"step {state.step} " + " ".join(f"{k} {v:.4f}" for k, v in state.measures.items()))
        if meter.wall() - saved_at > CHECKPOINT_SECONDS:
            keep()
            saved_at = meter.wall()
        if at_step is not None:
            at_step(state.step, keep)
    if state.step == began_at:
        return state
    keep()
    progress.show(f"done, {state.step} steps", force=True)
    session.note(
        part,
        {
            "steps": state.step,
            "minutes": round(state.spent / 60, 2),
            "machine": session.machine,
            "commit": session.commit,
            "train": state.measures,
        },
    )
    return state


def _step(
    session: Session,
    settings: Trained,
    learner: Learner,
    optimizer: torch.optim.Optimizer,
    state: State,
    fraction: float,
) -> dict[str, torch.Tensor]:
    for group in optimizer.param_groups:
        group["lr"] = rate(settings, state.step, fraction)
    # Batches and noise depend on (seed, step) alone, so a resumed run draws what an unbroken one would.
    rng = np.random.default_rng([settings.seed, state.step])
    torch.manual_seed(int(rng.integers(2**31)))
    optimizer.zero_grad(set_to_none=True)
    with session.autocast():
        loss, measures = learner.loss(rng, fraction)
    loss.backward()
    nn.utils.clip_grad_norm_(learner.models.parameters(), 1.0)
    optimizer.step()
    return {"loss": loss.detach(), **measures}


@torch.no_grad()
def _follow(average: nn.ModuleDict, models: nn.ModuleDict, decay: float, step: int) -> None:
    # The warm-up keeps the first hundred steps' noise out of the average.
    share = 1 - min(decay, (1 + step) / (10 + step))
    source = list(models.parameters())
    torch._foreach_lerp_(list(average.parameters()), source, share)
