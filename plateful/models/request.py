"""One request for pictures in the unified protocol: the same words for every model and provider."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from plateful.errors import ConfigError
from plateful.teams import DEFAULT_TEAM, TeamName

MAX_TEXT = 4000
Quality = Literal["preview", "production"]


class ImageRequest(BaseModel):
    """What is asked for; None means the model's own default. Pictures are named by their sha256 in the lake.

    Attributes:
        model: catalog name.
        size: side of a square in px, or `<width>x<height>`.
        cfg_scale: how strictly the prompt is followed.
        n: pictures wanted.
        quality: preview for cheap drafts, production for what may be shown.
        mask: where to paint the init image: 255 where new, 0 where kept.
        strength: how much of the init image is repainted, 0..1.
        application: whose defaults apply.
        team: who pays.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    model: str
    prompt: str = Field(min_length=1, max_length=MAX_TEXT)
    negative_prompt: str | None = Field(default=None, max_length=MAX_TEXT)
    style: str | None = Field(default=None, max_length=80)
    size: int | str | None = None
    cfg_scale: float | None = None
    seed: int | None = Field(default=None, ge=0, lt=2**63)
    n: int = Field(default=1, ge=1, le=64)
    steps: int | None = None
    quality: Quality | None = None
    init_image: str | None = None
    mask: str | None = None
    strength: float | None = Field(default=None, ge=0, le=1)
    reference_image: str | None = None
    application: str | None = None
    team: TeamName = DEFAULT_TEAM

    def asked(self) -> dict[str, Any]:
        """Return the parameters that were asked for, by name."""
        return self.model_dump(exclude_none=True)


def image_request(**fields: Any) -> ImageRequest:  # noqa: ANN401 - any JSON value
    """Build a request.

    Raises:
        ConfigError: a field is unknown or has a value outside its type or range.
    """
    try:
        return ImageRequest(**fields)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise ConfigError(
            f"request parameter {name!r} = {first.get('input')!r}: {first['msg']}",
            fix=f"correct it; the parameters are {', '.join(ImageRequest.model_fields)}",
        ) from None
