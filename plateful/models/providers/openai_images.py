"""OpenAI Images, and every endpoint that speaks its interface: `/images/generations` and `/images/edits`.

Read on 2026-11-21: the request types that OpenAI generates from its OpenAPI document (`openai` Python SDK,
`image_generate_params` and `image_edit_params`, API v1), and the quota codes of its error guide
(platform.openai.com/docs/guides/error-codes).

- Generating is JSON, editing a multipart form; both take the same words. GPT image models answer base64
  alone; compatible servers may answer a link, or want `response_format` (a profile's `fields`).
- A mask is a PNG of the picture's size: transparent means repaint.
- No seed, no negative prompt, no strength; `style` and `response_format` are refused by GPT image models.
- No idempotency key is documented, and OpenAI's own client sends none (`_idempotency_header = None`). The
  header is sent because a gateway may honour it; `endpoint.idempotent` says whether one does.
- 429 is a rate limit or an empty account: `error.type` and `error.code` tell which.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from plateful.models.profile import HostedProfile
from plateful.models.providers.failures import bad_reply
from plateful.models.providers.provider import Link, Provider
from plateful.models.providers.wire import Ask, Row, clear_mask, size_text
from plateful.vision.image_io import encode_png


class OpenAIImages(Provider):
    """OpenAI's Images interface."""

    name = "openai"
    wire: ClassVar[Mapping[str, Row]] = {
        "prompt": Row("prompt"),
        "size": Row("size", size_text),
        "quality": Row("quality"),
        "init_image": Row("image", encode_png),
        "mask": Row("mask", clear_mask),
    }
    edits_need_mask = False
    refusals = frozenset({"moderation_blocked", "content_policy_violation"})
    exhausted = frozenset(
        {
            "insufficient_quota",
            "billing_hard_limit_reached",
            "credit_balance_exhausted",
            "organization_spend_limit_exceeded",
            "organization_usage_limit_exceeded",
            "project_spend_limit_exceeded",
        }
    )

    def path(self, profile: HostedProfile, ask: Ask) -> str:  # noqa: ARG002 - one path for every model
        """Return the path below the endpoint's address."""
        return "images/edits" if ask.edit else "images/generations"

    def headers(self, key: str) -> dict[str, str]:
        """Return the headers that carry the key."""
        return {"Authorization": f"Bearer {key}"}

    def as_form(self, ask: Ask) -> bool:
        """Whether the body is a multipart form; else JSON."""
        return ask.edit

    def body(self, fields: dict[str, Any], profile: HostedProfile, ask: Ask) -> dict[str, Any]:
        """Return the fields with the model's name and the count, always one."""
        model = profile.edit_model if ask.edit and profile.edit_model else profile.model
        return {"model": model, "n": 1, **fields}

    def picture(self, answer: dict[str, Any]) -> str | Link:
        """Return `data[0].b64_json`, or the link in `data[0].url`."""
        first = answer["data"][0]
        if first.get("b64_json"):
            return first["b64_json"]
        if first.get("url"):
            return Link(first["url"])
        raise bad_reply("openai's answer has neither b64_json nor url")

    def told(self, answer: Any) -> tuple[set[str], str]:  # noqa: ANN401 - any JSON value
        """Return the codes and the message of an error's body."""
        error = answer["error"]
        return {str(error.get("code")), str(error.get("type"))}, str(error.get("message", ""))[:200]
