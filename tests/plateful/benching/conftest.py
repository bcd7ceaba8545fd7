"""A machine without a compiler, for compiling a UNet takes a minute."""

from collections.abc import Iterator

import pytest
import torch
from torch._inductor import config

from plateful.rendering.compiling import missing_compiler


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(config.cpp, "cxx", ("no-such-compiler",))
    # What was compiled before on this machine needs no compiler.
    monkeypatch.setattr(config, "fx_graph_cache", False)
    monkeypatch.setattr(config, "force_disable_caches", True)
    missing_compiler.cache_clear()
    torch.compiler.reset()
    yield
    missing_compiler.cache_clear()
    torch.compiler.reset()
