"""The models a run uses: the renderer, and the scorer and judge that look at every picture.

Loading imports torch, so each is built on first use and kept for the life of the process, keyed by its
weights.
"""

from functools import lru_cache
from pathlib import Path

import dagster as dg

from plateful.errors import ConfigError
from plateful.judging.judge import Judge, judge_version
from plateful.models.catalog import CATALOG_FILE
from plateful.models.versions import ModelVersion, resolve_model
from plateful.models.weight_root import part_folder, weight_root
from plateful.rendering.renderer import Renderer
from plateful.rendering.renderers import open_renderer
from plateful.scoring.scorer import Scorer, scorer_version
from plateful.stores.lake import Lake
from plateful.vision.clip import TinyClip, folder_digest
from resources.stores import S3Config


class ModelResource(dg.ConfigurableResource):
    """The catalog model that renders."""

    model: str
    weights: str
    # This node's folder of weights fetched from a bucket.
    weight_cache: str | None = None
    s3: S3Config = S3Config()
    catalog: str = str(CATALOG_FILE)
    # GiB of weights that a process keeps loaded; None = a share of the device's memory.
    memory: float | None = None
    # Two candidates let the ranking choose; each costs a render.
    candidates_per_request: int = 2
    # Candidates per shard: one model load a shard, so large; small enough to re-execute alone.
    shard_size: int = 500
    # Tries before an item that cannot be rendered is quarantined.
    max_attempts: int = 3

    def version(self, model: str | None = None) -> ModelVersion:
        """Return the version of a catalog name (default: the one that renders), its weights verified."""
        root = weight_root(self.weights, self.weight_cache, self.s3.options())
        return resolve_model(model or self.model, root, catalog=Path(self.catalog))

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

    def renderer(self, lake: Lake, model: str | None = None) -> Renderer:
        """Return the renderer of a catalog name, by default of the model that renders."""
        return open_renderer(self.version(model), lake, self.memory)


class ScoringResource(dg.ConfigurableResource):
    """Gates and judge on the embedded CLIP."""

    clip: str
    weight_cache: str | None = None
    s3: S3Config = S3Config()
    # Accepted candidates kept per request; more only lengthen the review queue.
    accepted_per_request: int = 2

    def folder(self) -> Path:
        """Return the local folder of the CLIP, fetched if it has to be."""
        return part_folder(self.clip, self.weight_cache, self.s3.options())

    def version(self) -> str:
        """Return the version of the gates; loads no model."""
        return scorer_version(_digest(self.folder()))

    def judge_version(self) -> str:
        """Return the version of the judge; loads no model."""
        return judge_version(_digest(self.folder()))

    def clip_model(self) -> TinyClip:
        """Return the loaded CLIP."""
        return _clip(self.folder())

    def scorer(self) -> Scorer:
        """Return the loaded gates."""
        return _scorer(self.folder())

    def judge(self) -> Judge:
        """Return the loaded judge."""
        return _judge(self.folder())


@lru_cache(maxsize=2)
def _digest(clip: Path) -> str:
    return folder_digest(clip)


@lru_cache(maxsize=2)
def _clip(clip: Path) -> TinyClip:
    return TinyClip.load(clip)


@lru_cache(maxsize=2)
def _scorer(clip: Path) -> Scorer:
    return Scorer(_clip(clip))


@lru_cache(maxsize=2)
def _judge(clip: Path) -> Judge:
    return Judge(_clip(clip))
