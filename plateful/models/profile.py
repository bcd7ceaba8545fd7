"""Serving profiles: how weights are run. Part of a model version's digest: every field can change pixels."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


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
    # IP-Adapter that takes reference images: a folder beside the pipeline with one safetensors file and the
    # `image_encoder` folder that it was trained with.
    ip_adapter: str | None = None
    # How strongly a reference image steers; 0.5 leaves the prompt and it an equal say.
    reference_scale: float | None = Field(default=None, gt=0, le=1)

    @model_validator(mode="after")
    def _steered(self) -> "ServingProfile":
        if (self.ip_adapter is None) != (self.reference_scale is None):
            raise ValueError("ip_adapter and reference_scale come together")
        return self

    def parameters(self) -> dict[str, Any]:
        """Return the unified parameters that a request gets when it asks for nothing."""
        return {"size": self.size, "steps": self.steps, "cfg_scale": self.cfg_scale}


class HostedProfile(BaseModel):
    """How a hosted model is asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    # The provider's own name of the model.
    model: str
    # Version of its interface, where requests name one.
    version: str | None = None
    # Its name of the model that edits pictures, where that is another one.
    edit_model: str | None = None
    # Fields that every request carries as they are.
    fields: dict[str, int | str] | None = None

    def parameters(self) -> dict[str, Any]:
        """Return none: a hosted model's defaults are in its catalog entry."""
        return {}
