"""Ideogram 3.0: `/v1/ideogram-v3/generate` and `/v1/ideogram-v3/inpaint`, both multipart forms.

Read on 2026-11-21 in stored copies of developer.ideogram.ai: `v1/api-reference/edit-images/inpaint-v3`,
`ideogram-api/masked-edits`, `errors`, `rate-limits`, `idempotency`; prices from
ideogram.ai/blog/ideogram-api-pricing (as of 2026-11-16). The fields of `generate` are those of a public
client generated from its OpenAPI document (ComfyUI's API nodes).

- A mask is black where to repaint. The answer has the picture's size, so `resolution` is for generating
  alone; so is its `negative_prompt`, and what must not be shown is therefore said in the prompt.
- `magic_prompt` is off: a rewritten prompt is not the one that was reviewed.
- Seeds are 0 to 2147483647.
- The answer is a short-lived link, and `is_image_safe: false` without one when the picture is withheld: that
  is billed. A prompt refused by the filter (422) is not; nor is 400, 401, 402, 403, 404 or 429.
- It takes no idempotency key, says so, and bills every request: a lost reply is never asked again.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from plateful.models.profile import HostedProfile
from plateful.models.providers.failures import CallFailure, bad_reply
from plateful.models.providers.http import Reply
from plateful.models.providers.provider import Link, Provider
from plateful.models.providers.wire import Ask, Row, black_mask, folded_seed, size_text
from plateful.vision.image_io import encode_png


class Ideogram(Provider):
    """Ideogram's 3.0 interface."""

    name = "ideogram"
    wire: ClassVar[Mapping[str, Row]] = {
        "prompt": Row("prompt"),
        "size": Row("resolution", size_text, in_edits=False),
        "quality": Row("rendering_speed"),
        "style": Row("style_type"),
        "seed": Row("seed", folded_seed(0, 2**31 - 1)),
        "init_image": Row("image", encode_png),
        "mask": Row("mask", black_mask),
    }

    def path(self, profile: HostedProfile, ask: Ask) -> str:
        """Return the path below the endpoint's address."""
        return f"v1/{profile.model}/{'inpaint' if ask.edit else 'generate'}"

    def headers(self, key: str) -> dict[str, str]:
        """Return the headers that carry the key."""
        return {"Api-Key": key}

    def body(self, fields: dict[str, Any], profile: HostedProfile, ask: Ask) -> dict[str, Any]:  # noqa: ARG002
        """Return the fields with the count, always one, and prompts left as they are."""
        return {"num_images": 1, "magic_prompt": "OFF", **fields}

    def picture(self, answer: dict[str, Any]) -> str | Link:
        """Return the link in `data[0].url`."""
        first = answer["data"][0]
        if first.get("is_image_safe") is False:
            raise self.filtered("the picture was withheld by its safety check", billed=True)
        if not first.get("url"):
            raise bad_reply("ideogram's answer has no url")
        return Link(first["url"])

    def told(self, answer: Any) -> tuple[set[str], str]:  # noqa: ANN401 - any JSON value
        """Return the codes and the message of an error's body."""
        return {str(answer.get("reject_reason"))}, str(answer.get("error", ""))[:200]

    def _refused(self, reply: Reply) -> CallFailure:
        return self.filtered(reply.told) if reply.status == 422 else super()._refused(reply)
