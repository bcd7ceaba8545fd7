"""One run of the recipe: its folders, device and precision, and what each part has left behind."""

import json
import os
import platform
import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from training.family.meter import Meter
from training.family.recipe import Budget, Recipe, Trained


@dataclass(frozen=True)
class Session:
    """Recipe, folders and device of one run.

    `extra_minutes` are given to a part on top of its budget; `commit` is that of the code (`current_commit`);
    `clock` counts compute seconds (default: CPU time over all threads, wall time on a GPU).
    """

    recipe: Recipe
    work: Path
    out: Path
    device: torch.device
    extra_minutes: dict[str, float] = field(default_factory=dict)
    commit: str | None = None
    clock: Callable[[], float] | None = None

    @property
    def on_gpu(self) -> bool:
        """Whether budgets count wall time of a GPU instead of CPU time."""
        return self.device.type == "cuda"

    @property
    def machine(self) -> str:
        """Kind and model of what computes, e.g. `gpu NVIDIA H100 80GB HBM3`."""
        if self.on_gpu:
            return f"gpu {torch.cuda.get_device_name()}"
        models = re.findall(r"^model name\s*: (.*)$", _cpu_info(), re.MULTILINE)
        return f"cpu {models[0] if models else platform.machine()}, {self.recipe.threads} threads"

    @property
    def processes(self) -> int:
        """Processes that draw plates: the recipe's threads; every core beside a GPU, whose clock runs on."""
        return len(os.sched_getaffinity(0)) if self.on_gpu else self.recipe.threads

    @property
    def half(self) -> bool:
        """Whether to compute in bfloat16: 1.3 to 1.7 times faster with AVX512-BF16, slower on other CPUs."""
        return self.on_gpu or torch.cpu._is_avx512_bf16_supported()

    def folder(self, part: str) -> Path:
        """The part's own folder under the work folder, made if absent."""
        path = self.work / part
        path.mkdir(parents=True, exist_ok=True)
        return path

    def budget_seconds(self, part: str, spent: float = 0.0) -> float:
        """The part's budget on this machine in seconds; extra minutes count from what is already spent."""
        budget: Budget = getattr(self.recipe.parts, part)
        seconds = 60 * (budget.gpu_minutes if self.on_gpu else budget.cpu_minutes)
        extra = self.extra_minutes.get(part, 0.0)
        return max(seconds, spent) + extra * 60 if extra else seconds

    def batch_of(self, settings: Trained) -> int:
        """Pictures in one step of a part on this machine."""
        return settings.gpu_batch if self.on_gpu and settings.gpu_batch else settings.batch

    def meter(self, part: str, spent: float = 0.0) -> Meter:
        """A meter for the part that starts from `spent` seconds."""
        clock = self.clock or (time.perf_counter if self.on_gpu else time.process_time)
        return Meter(self.budget_seconds(part, spent), clock, spent)

    def autocast(self) -> torch.autocast:
        """bfloat16 where the device is faster with it."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.half)

    def note(self, part: str, facts: dict[str, Any]) -> None:
        """Merge facts about a part into `notes.json`, from which training.json is made."""
        path = self.work / "notes.json"
        notes = read_json(path)
        notes[part] = {**notes.get(part, {}), **facts}
        write_json(path, notes)

    def notes(self) -> dict[str, Any]:
        """Facts noted so far, by part."""
        return read_json(self.work / "notes.json")


def _cpu_info() -> str:
    path = Path("/proc/cpuinfo")
    return path.read_text(encoding="utf-8") if path.exists() else ""


def current_commit() -> str | None:
    """The commit this code is at, with `+` where the tree differs from it; None outside a repository."""
    root = Path(__file__).parents[2]
    asked = [
        ["git", "rev-parse", "HEAD"],
        ["git", "status", "--porcelain", "--", "training", "plateful", "requirements.txt"],
    ]
    head, changes = (
        subprocess.run(words, capture_output=True, text=True, check=False, cwd=root)  # noqa: S603
        for words in asked
    )
    if head.returncode != 0:
        return None
    return head.stdout.strip() + ("+" if changes.stdout.strip() else "")


def read_json(path: Path) -> dict[str, Any]:
    """The mapping in a JSON file; empty where the file does not exist."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write JSON atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".part")
    draft.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(draft, path)
