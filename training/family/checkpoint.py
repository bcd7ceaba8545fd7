"""Checkpoints: one safetensors file a part, with networks, their averages, optimizer moments and state."""

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from plateful.errors import ModelError

FILE = "checkpoint.safetensors"


@dataclass
class State:
    """Where a part stands: steps done, compute seconds spent, the last measures, and what it was trained on.

    `inputs` holds digests of the model settings and of the earlier parts that this one depends on.
    """

    step: int = 0
    spent: float = 0.0
    inputs: dict[str, str] = field(default_factory=dict)
    measures: dict[str, float] = field(default_factory=dict)


def save(
    folder: Path,
    state: State,
    models: nn.ModuleDict,
    average: nn.ModuleDict | None,
    optimizer: torch.optim.Optimizer,
) -> None:
    """Write the checkpoint in one atomic replace, so a kill leaves the previous one whole."""
    tensors = {f"model/{k}": v for k, v in models.state_dict().items()}
    if average is not None:
        tensors |= {f"average/{k}": v for k, v in average.state_dict().items()}
    for index, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"adam/{index}/{k}": v for k, v in moments.items()}
    # clone: tied or strided tensors (channels_last) are refused by safetensors.
    tensors = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
    draft = folder / (FILE + ".part")
    save_file(tensors, draft, metadata={"state": json.dumps(asdict(state))})
    os.replace(draft, folder / FILE)


def read_state(folder: Path) -> State:
    """The state of the part in `folder`; a fresh one where no checkpoint exists."""
    if not (folder / FILE).exists():
        return State()
    with safe_open(folder / FILE, "pt") as file:
        return State(**json.loads(file.metadata()["state"]))


def resume(
    folder: Path,
    inputs: dict[str, str],
    models: nn.ModuleDict,
    average: nn.ModuleDict | None,
    optimizer: torch.optim.Optimizer,
) -> State:
    """Load the checkpoint into the given networks and optimizer, if there is one.

    Raises:
        ModelError: the checkpoint was trained with other model settings or on other earlier parts.
    """
    state = read_state(folder)
    if not state.step:
        return State(inputs=inputs)
    changed = sorted(k for k in inputs | state.inputs if inputs.get(k) != state.inputs.get(k))
    if changed:
        raise ModelError(
            f"checkpoint {folder / FILE} was trained with another {', '.join(changed)}",
            fix="delete that file to train the part anew, or give another --work folder",
        )
    load(folder, models)
    if average is not None:
        load(folder, average, averaged=True)
    _load_moments(folder, optimizer)
    return state


def load(folder: Path, models: nn.ModuleDict, *, averaged: bool = False) -> None:
    """Load the named networks (or their running averages) from the part's checkpoint.

    Raises:
        ModelError: no checkpoint is there.
    """
    if not (folder / FILE).exists():
        raise ModelError(
            f"part {folder.name!r} has no checkpoint in {folder}",
            fix=f"run `python -m training.family --only {folder.name}` first",
        )
    found = _tensors(folder, "average/" if averaged else "model/")
    models.load_state_dict({name: tensor for name, tensor in found.items() if name.split(".")[0] in models})


def digest(folder: Path) -> str:
    """sha256 over the networks in a checkpoint (not over optimizer or state)."""
    found = hashlib.sha256()
    for name, tensor in sorted(_tensors(folder, "model/").items()):
        found.update(name.encode())
        found.update(tensor.numpy().tobytes())
    return found.hexdigest()


def _tensors(folder: Path, prefix: str) -> dict[str, torch.Tensor]:
    with safe_open(folder / FILE, "pt") as file:
        return {k.removeprefix(prefix): file.get_tensor(k) for k in file.keys() if k.startswith(prefix)}  # noqa: SIM118


def _load_moments(folder: Path, optimizer: torch.optim.Optimizer) -> None:
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in _tensors(folder, "adam/").items():
        index, key = name.split("/")
        moments.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
