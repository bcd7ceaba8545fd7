"""The models a run uses: the renderer, and the scorer and judge that look at every picture.

Loading imports torch, so each is built on first use and kept for the life of the process, keyed by its weights.
"""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from plateful.models.catalog import ModelVersion, resolve_model

if TYPE_CHECKING:
    from plateful.judging.judge import Judge
    from plateful.rendering.diffusers_renderer import DiffusersRenderer
    from plateful.scoring.scorer import Scorer


class ModelResource(dg.ConfigurableResource):
    """The catalog model that renders."""

    model: str
    weights: str
    # Two candidates let the ranking choose; each costs a render.
    candidates_per_request: int = 2
    # Candidates per shard: one model load a shard, so large; small enough to re-execute alone.
    shard_size: int = 500
    # Tries before an item that cannot be rendered is quarantined.
    max_attempts: int = 3

    def version(self) -> ModelVersion:
        """Return the model version in use, its weights verified against their digests."""
        return _version(self.model, self.weights)

    def renderer(self) -> "DiffusersRenderer":
        """Return the loaded renderer."""
        from plateful.rendering.diffusers_renderer import get_renderer

        return get_renderer(self.version())


class ScoringResource(dg.ConfigurableResource):
    """Gates and judge on the embedded CLIP."""

    clip: str
    # Accepted candidates kept per request; more only lengthen the review queue.
    accepted_per_request: int = 2

    def scorer(self) -> "Scorer":
        """Return the loaded gates."""
        return _scorer(self.clip)

    def judge(self) -> "Judge":
        """Return the loaded judge."""
        return _judge(self.clip)


@lru_cache(maxsize=4)
def _version(model: str, weights: str) -> ModelVersion:
    return resolve_model(model, weights_root=Path(weights))


@lru_cache(maxsize=2)
def _scorer(clip: str) -> "Scorer":
    from plateful.scoring.scorer import Scorer
    from plateful.vision.clip import TinyClip

    return Scorer(TinyClip.load(Path(clip)))


@lru_cache(maxsize=2)
def _judge(clip: str) -> "Judge":
    from plateful.judging.judge import Judge

    return Judge(_scorer(clip).clip)
