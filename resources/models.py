"""The models a run uses: the renderer, and the scorer and judge that look at every picture.

Loading imports torch, so each is built on first use and kept for the life of the process, keyed by its
weights.
"""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from plateful.errors import ConfigError
from plateful.judging.judge import Judge, judge_version
from plateful.models.catalog import ModelVersion, resolve_model
from plateful.scoring.scorer import Scorer, scorer_version
from plateful.vision.clip import TinyClip, folder_digest

if TYPE_CHECKING:
    from plateful.rendering.diffusers_renderer import DiffusersRenderer


class ModelResource(dg.ConfigurableResource):
    """The catalog model that renders."""

    model: str
    weights: str
    # GiB of weights that a process keeps loaded; None = a share of the device's memory.
    memory: float | None = None
    # Two candidates let the ranking choose; each costs a render.
    candidates_per_request: int = 2
    # Candidates per shard: one model load a shard, so large; small enough to re-execute alone.
    shard_size: int = 500
    # Tries before an item that cannot be rendered is quarantined.
    max_attempts: int = 3

    def version(self) -> ModelVersion:
        """Return the model version in use, its weights verified."""
        return resolve_model(self.model, weights_root=Path(self.weights))

    def version_named(self, name: str) -> ModelVersion:
        """Return the version in use, which must be the one named.

        Raises:
            ConfigError: the weights on this machine are another version.
        """
        version = self.version()
        if version.name != name:
            raise ConfigError(
                f"model version {name!r} is asked for, the weights here are {version.name!r}",
                fix="check out that version's weights, or materialize the version in use",
            )
        return version

    def renderer(self) -> "DiffusersRenderer":
        """Return the loaded renderer."""
        from plateful.rendering.pool import get_renderer

        return get_renderer(self.version(), self.memory)


class ScoringResource(dg.ConfigurableResource):
    """Gates and judge on the embedded CLIP."""

    clip: str
    # Accepted candidates kept per request; more only lengthen the review queue.
    accepted_per_request: int = 2

    def version(self) -> str:
        """Return the version of the gates; loads no model."""
        return scorer_version(_digest(self.clip))

    def judge_version(self) -> str:
        """Return the version of the judge; loads no model."""
        return judge_version(_digest(self.clip))

    def clip_model(self) -> TinyClip:
        """Return the loaded CLIP."""
        return _clip(self.clip)

    def scorer(self) -> Scorer:
        """Return the loaded gates."""
        return _scorer(self.clip)

    def judge(self) -> Judge:
        """Return the loaded judge."""
        return _judge(self.clip)


@lru_cache(maxsize=2)
def _digest(clip: str) -> str:
    return folder_digest(Path(clip))


@lru_cache(maxsize=2)
def _clip(clip: str) -> TinyClip:
    return TinyClip.load(Path(clip))


@lru_cache(maxsize=2)
def _scorer(clip: str) -> Scorer:
    return Scorer(_clip(clip))


@lru_cache(maxsize=2)
def _judge(clip: str) -> Judge:
    return Judge(_clip(clip))
