"""A machine without a compiler, for compiling a UNet takes a minute."""

from collections.abc import Iterator

import pytest
import torch
from torch._inductor import config

from plateful.rendering.compiling import missing_compiler


@pytest.fixture
def no_compiler() -> Iterator[None]:
    missing_compiler.cache_clear()
    torch.compiler.reset()
    # Caches off: what was compiled before on this machine needs no compiler.
    with config.patch({"cpp.cxx": ("no-such-compiler",), "force_disable_caches": True}):
        yield
    missing_compiler.cache_clear()
    torch.compiler.reset()
