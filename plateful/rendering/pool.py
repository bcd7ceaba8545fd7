"""Loaded models of a process: as many as a memory budget holds, the least recently used leaves first.

A switch of model flushes what belonged to the last one (text embeddings, compiled code, the GPU's cached
blocks); its weights stay while the budget lasts.
"""

import gc
import os
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache

import torch

from plateful.errors import ModelError
from plateful.models.versions import ModelVersion
from plateful.rendering.loading import loaded_bytes
from plateful.rendering.local_renderer import LocalRenderer
from plateful.rendering.text import TextCache

GIB = 2**30
# Share of a GPU's memory, and of a machine's, that weights may take; the rest is for what rendering holds.
GPU_SHARE = 0.6
CPU_SHARE = 0.5

Load = Callable[[ModelVersion, TextCache], LocalRenderer]


def _load(version: ModelVersion, texts: TextCache) -> LocalRenderer:
    # Imported here: each brings pipelines that take seconds to load.
    if version.entry.family in ("sd3", "flux"):
        from plateful.rendering.flow_renderer import FlowRenderer

        return FlowRenderer(version)
    from plateful.rendering.diffusers_renderer import DiffusersRenderer

    return DiffusersRenderer(version, texts=texts)


class ModelPool:
    """Renderers by model version. Versions are equal by digest.

    Args:
        budget: bytes of weights to keep loaded.
        load: loads a version.
    """

    def __init__(self, budget: int, load: Load = _load) -> None:
        self.budget = budget
        self.texts = TextCache()
        self._load = load
        self._loaded: OrderedDict[ModelVersion, LocalRenderer] = OrderedDict()

    @property
    def versions(self) -> list[ModelVersion]:
        """The loaded versions, least recently used first."""
        return list(self._loaded)

    @property
    def bytes(self) -> int:
        """Bytes of all loaded weights."""
        return sum(renderer.bytes for renderer in self._loaded.values())

    def get(self, version: ModelVersion) -> LocalRenderer:
        """Return a version's renderer, loading it after others have made room.

        Raises:
            ModelError: the model alone is over the budget, or cannot be loaded.
        """
        last = next(reversed(self._loaded), None)
        if last is not None and last != version:
            self._loaded[last].flush()
        if version not in self._loaded:
            self._make_room(version)
            self._loaded[version] = self._load(version, self.texts)
        self._loaded.move_to_end(version)
        return self._loaded[version]

    def _make_room(self, version: ModelVersion) -> None:
        needed = loaded_bytes(version)
        if needed > self.budget:
            raise ModelError(
                f"model {version.model!r} takes {needed / GIB:.2f} GiB, the budget of loaded models is "
                f"{self.budget / GIB:.2f} GiB",
                fix="raise PLATEFUL_MODEL_MEMORY, or choose a profile in half precision",
            )
        while self.bytes + needed > self.budget:
            _, renderer = self._loaded.popitem(last=False)
            renderer.flush()
            del renderer
            # Modules refer to each other in circles: without a collection their memory stays.
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()


@lru_cache(maxsize=1)
def _process_pool() -> ModelPool:
    return ModelPool(default_budget())


def default_budget() -> int:
    """Return the bytes of weights that this machine keeps loaded when no setting says otherwise."""
    if torch.cuda.is_available():
        return int(GPU_SHARE * torch.cuda.get_device_properties(0).total_memory)
    return int(CPU_SHARE * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def get_renderer(version: ModelVersion, memory: float | None = None) -> LocalRenderer:
    """Return the process's renderer of a model version.

    Args:
        version: model version.
        memory: GiB of weights that the process keeps loaded; None = `default_budget`.
    """
    pool = _process_pool()
    pool.budget = default_budget() if memory is None else int(memory * GIB)
    return pool.get(version)
