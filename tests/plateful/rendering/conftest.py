"""A loaded micro renderer with a short profile, shared by the rendering tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from plateful.models.catalog import load_catalog
from plateful.models.versions import ModelVersion, model_version
from plateful.rendering.diffusers_renderer import DiffusersRenderer
from plateful.stores.lake import Lake


def short_version(weights: Path, **profile: object) -> ModelVersion:
    entry = load_catalog()["plateful-tiny"]
    fields = {"steps": 4, "batch": 3, **profile}
    return model_version(entry, weights, entry.profile_named().model_copy(update=fields))


@pytest.fixture(scope="session")
def version(weights: Path) -> ModelVersion:
    return short_version(weights)


@pytest.fixture(scope="session")
def renderer(version: ModelVersion) -> Iterator[DiffusersRenderer]:
    threads = torch.get_num_threads()
    # Micro layers gain nothing from a second thread and stall on a busy machine.
    yield DiffusersRenderer(version, device="cpu", threads=1)
    torch.set_num_threads(threads)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))
