"""Stability AI's Stable Image, REST v2beta: `generate/sd3` and `edit/inpaint`, both multipart forms.

Written from platform.stability.ai/docs/api-reference (v2beta, tags Generate and Edit) as of 2025. On
2026-11-21 no stored copy of that page was found; the fields were compared with two public clients (the
`stability_api` types of ComfyUI's API nodes, and litellm's adapter, documented on 2026-10-09).

- A mask is white where to repaint. Inpainting knows no `model`, `strength` or `aspect_ratio`: the answer has
  the picture's size.
- Sizes are shapes of about one megapixel, in no promised pixels: the catalog marks them approximate.
- Seeds are 1 to 4294967294; 0 would mean a random one.
- With `Accept: application/json` the answer is `{image, finish_reason, seed}`; `CONTENT_FILTERED` comes with
  a blurred picture, and 403 `content_moderation` refuses a prompt. Neither is billed: credits are taken for
  successful generations.
- No idempotency key is documented.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from plateful.models.profile import HostedProfile
from plateful.models.providers.failures import bad_reply
from plateful.models.providers.provider import Link, Provider
from plateful.models.providers.wire import Ask, Row, folded_seed, shape, white_mask
from plateful.vision.image_io import encode_png

_SHAPES = {
    "1024x1024": "1:1",
    "1344x768": "16:9",
    "768x1344": "9:16",
    "1216x832": "3:2",
    "832x1216": "2:3",
    "1088x896": "5:4",
    "896x1088": "4:5",
}


class Stability(Provider):
    """Stability's Stable Image interface."""

    name = "stability"
    wire: ClassVar[Mapping[str, Row]] = {
        "prompt": Row("prompt"),
        "negative_prompt": Row("negative_prompt"),
        "size": Row("aspect_ratio", shape(_SHAPES), in_edits=False),
        "style": Row("style_preset"),
        "seed": Row("seed", folded_seed(1, 2**32 - 2)),
        "init_image": Row("image", encode_png),
        "mask": Row("mask", white_mask),
    }
    refusals = frozenset({"content_moderation"})

    def path(self, profile: HostedProfile, ask: Ask) -> str:  # noqa: ARG002 - the model is a field
        """Return the path below the endpoint's address."""
        return f"v2beta/stable-image/{'edit/inpaint' if ask.edit else 'generate/sd3'}"

    def headers(self, key: str) -> dict[str, str]:
        """Return the headers that carry the key."""
        return {"Authorization": f"Bearer {key}"}

    def body(self, fields: dict[str, Any], profile: HostedProfile, ask: Ask) -> dict[str, Any]:
        """Return the fields with the format and, where a model is chosen, its name."""
        return {"output_format": "png", **({} if ask.edit else {"model": profile.model}), **fields}

    def picture(self, answer: dict[str, Any]) -> str | Link:
        """Return `image`."""
        if answer["finish_reason"] == "CONTENT_FILTERED":
            raise self.filtered("the picture was blurred by its filter")
        if answer["finish_reason"] != "SUCCESS":
            raise bad_reply(f"stability ended with {answer['finish_reason']!r}")
        return answer["image"]

    def told(self, answer: Any) -> tuple[set[str], str]:  # noqa: ANN401 - any JSON value
        """Return the codes and the message of an error's body."""
        return {str(answer.get("name"))}, "; ".join(map(str, answer.get("errors", [])))[:200]
