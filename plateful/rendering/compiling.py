"""torch.compile where there is a compiler; where there is none, one clear line, and eager."""

import logging
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import torch

from plateful.item_faults import told

_LOG = logging.getLogger(__name__)


def compiled_or_eager(
    functions: Sequence[Callable[..., Any]], place: torch.device
) -> tuple[tuple[Callable[..., Any], ...], bool]:
    """Return the functions, compiled for fixed shapes if `place` has a compiler, and whether they are.

    Shapes are fixed on purpose: batches are padded and sizes come from buckets, so each shape is compiled
    once; with free shapes one service recompiled 38 times in 100 requests.
    """
    missing = missing_compiler(place)
    if missing:
        _LOG.warning("torch.compile cannot work for %s (%s): rendering eager", place.type, missing)
        return tuple(functions), False
    return tuple(torch.compile(function, dynamic=False) for function in functions), True


@lru_cache(maxsize=4)
def missing_compiler(place: torch.device) -> str | None:
    """Compile one addition for a device; return what failed, None if nothing did."""
    try:
        torch.compile(_add_one, dynamic=False)(torch.zeros(8, device=place))
    except Exception as error:
        return told(error)
    return None


def _add_one(values: torch.Tensor) -> torch.Tensor:
    return values + 1
