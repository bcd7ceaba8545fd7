"""The recipe: what each part of plateful-tiny is made of, how large, and how much compute it may spend."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from plateful.errors import ConfigError

DEFAULT_RECIPE = Path(__file__).with_name("recipe.yaml")


class Strict(BaseModel):
    """Frozen, and an unknown key is an error: a typo must not silently train something else."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Budget(Strict):
    """Compute one part may spend: process CPU time over all threads, or wall time where a GPU is used."""

    cpu_minutes: float = Field(gt=0)
    gpu_minutes: float = Field(gt=0)


class Plates(Budget):
    """How many plates to render; `defect_share` of them carry a defect (only CLIP sees those)."""

    plates: int
    defect_share: float
    first_seed: int


class Vocabulary(Strict):
    """Byte-level BPE: 512 byte symbols, two specials, and merges up to `size`."""

    size: int = Field(ge=514)


class Trained(Budget):
    """One network: optimizer settings and the constructor arguments of its model class.

    `gpu_batch` is used on a GPU, where networks this small cost hardly more in a larger batch.
    """

    batch: int
    gpu_batch: int | None = None
    lr: float
    warmup_steps: int
    seed: int
    weight_decay: float = 0.01
    model: dict[str, Any]


class Autoencoder(Trained):
    """Loss weights and crop; the last `whole_share` of the budget takes whole pictures, a quarter as many.

    Group norm sees other statistics on a crop than on a whole picture, so the end must be whole.
    """

    crop_px: int
    whole_share: float = 0.0
    edge_weight: float


class Denoiser(Trained):
    """The UNet: EMA decay, share of empty captions, and the noise schedule shipped with the pipeline."""

    ema: float
    caption_dropout: float
    interim_export_step: int | None = None
    scheduler: dict[str, Any]


class Distilled(Trained):
    """The preview: a LoRA on the UNet (`model` is its configuration) that reaches the end in `steps`.

    Its teacher takes `teacher_steps`, guided by `guidance`; `batch` counts the teacher's paths.
    """

    steps: int
    teacher_steps: int
    guidance: float

    @model_validator(mode="after")
    def _unscaled(self) -> "Distilled":
        # diffusers loads a LoRA without its configuration: only alpha = r means the same to everybody.
        if self.model.get("lora_alpha") != self.model.get("r"):
            raise ValueError("preview: lora_alpha must equal r")
        return self

    @model_validator(mode="after")
    def _stops_on_the_path(self) -> "Distilled":
        if self.teacher_steps % self.steps:
            raise ValueError("preview: teacher_steps must be a multiple of steps")
        return self


class Card(Strict):
    """What the model card measures: renders of questions on held-out combinations, repaints, defects.

    Steps and guidance are those of the serving profiles.
    """

    first_seed: int
    plates_per_defect: int
    repaints: int
    questions: int
    steps: int
    guidance: float


class Parts(Strict):
    """The parts in the order they are made."""

    data: Plates
    tokenizer: Vocabulary
    clip: Trained
    tiny_vae: Autoencoder
    latents: Budget
    vae: Autoencoder
    unet: Denoiser
    preview: Distilled
    exam_data: Plates
    examiner: Trained


class Recipe(Strict):
    """Everything that decides the weights, apart from the machine."""

    name: str
    picture_px: int
    threads: int
    parts: Parts
    card: Card

    @property
    def digest(self) -> str:
        """sha256 over the canonical JSON of the whole recipe."""
        return digest_of(self.model_dump())


def digest_of(value: Mapping[str, Any]) -> str:
    """sha256 (hex) of a JSON-able mapping, independent of key order."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def load_recipe(path: Path = DEFAULT_RECIPE) -> Recipe:
    """Read a recipe file.

    Raises:
        ConfigError: the file is missing, is no YAML, or has an unknown or ill-typed key.
    """
    try:
        return Recipe.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise ConfigError(
            f"recipe {path} does not exist", fix="name an existing file with --recipe"
        ) from error
    except (yaml.YAMLError, ValidationError) as error:
        raise ConfigError(f"recipe {path} is malformed: {error}", fix="correct the named key") from error
