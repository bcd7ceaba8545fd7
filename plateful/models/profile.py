"""Serving profiles: how weights are run; part of a model version's digest, for every field can change pixels."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class ServingProfile(BaseModel):
    """One named way to run a model; fields that are None are left out of the digest."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    # `shipped` is the one in the pipeline folder, else a diffusers class.
    scheduler: str
    steps: int = Field(ge=1)
    cfg_scale: float = Field(ge=1.0)
    size: int = Field(ge=8, multiple_of=8)
    vae: Literal["kl", "tiny"]
    dtype: Literal["float32", "float16", "bfloat16"]
    batch: int = Field(ge=1)
    # LoRA merged into the UNet: a folder beside the pipeline, in diffusers' layout.
    adapter: str | None = None
    # Share of the steps with guidance; after it only the prompt's branch is evaluated.
    cfg_share: float | None = Field(default=None, gt=0, le=1)
    # Static DeepCache: the deep layers are evaluated at every n-th step and reused between.
    cache_interval: int | None = Field(default=None, ge=2)
    # torch.compile of the denoiser; where there is no compiler, one clear line and eager.
    compiled: bool | None = None
