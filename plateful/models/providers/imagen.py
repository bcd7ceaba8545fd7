"""Google Imagen through Vertex AI's `:predict` (REST v1), which gateways speak too.

Written from docs.cloud.google.com/vertex-ai/generative-ai/docs, pages `model-reference/imagen-api`,
`image/set-output-resolution` and `image/edit-insert-objects`, as of 2025. Read on 2026-11-21: **their newest
stored copies name every Imagen endpoint as discontinued, to be left before 2026-06-30**; hence the catalog's
entry is retired.

- One JSON body: `instances` hold the prompt and, for edits, the picture and the mask as reference images;
  `parameters` hold the rest. Editing is done by another model (`imagen-3.0-capability-001`).
- A mask is white where to repaint (`MASK_MODE_USER_PROVIDED`, `EDIT_MODE_INPAINT_INSERTION`).
- Sizes are shapes: 1:1 is 1024x1024, 3:4 is 896x1280, 9:16 is 768x1408, and their opposites.
- Seeds (1 to 2147483647) need `addWatermark: false`, and mean little while prompts are rewritten
  (`enhancePrompt: false`). Imagen 3 and newer take no negative prompt.
- A filtered picture is a prediction without bytes, with `raiFilteredReason`; Google does not bill it.
- No idempotency key. The credential is an OAuth access token, which lasts an hour.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from plateful.models.profile import HostedProfile
from plateful.models.providers.provider import Link, Provider
from plateful.models.providers.wire import Ask, Row, base64_text, folded_seed, shape, white_mask
from plateful.vision.image_io import encode_png

_SHAPES = {
    "1024x1024": "1:1",
    "896x1280": "3:4",
    "1280x896": "4:3",
    "768x1408": "9:16",
    "1408x768": "16:9",
}
_FIXED = {"sampleCount": 1, "addWatermark": False, "includeRaiReason": True}


def _raw_image(picture: np.ndarray) -> dict[str, Any]:
    return {
        "referenceType": "REFERENCE_TYPE_RAW",
        "referenceId": 1,
        "referenceImage": {"bytesBase64Encoded": base64_text(encode_png(picture))},
    }


def _mask_image(mask: np.ndarray) -> dict[str, Any]:
    return {
        "referenceType": "REFERENCE_TYPE_MASK",
        "referenceId": 2,
        "referenceImage": {"bytesBase64Encoded": base64_text(white_mask(mask))},
        "maskImageConfig": {"maskMode": "MASK_MODE_USER_PROVIDED", "dilation": 0},
    }


class Imagen(Provider):
    """Vertex AI's Imagen interface."""

    name = "imagen"
    wire: ClassVar[Mapping[str, Row]] = {
        "prompt": Row("prompt"),
        "size": Row("aspectRatio", shape(_SHAPES), in_edits=False),
        "seed": Row("seed", folded_seed(1, 2**31 - 1)),
        "init_image": Row("raw", _raw_image),
        "mask": Row("mask", _mask_image),
    }

    def path(self, profile: HostedProfile, ask: Ask) -> str:
        """Return the path below the endpoint's address."""
        model = profile.edit_model if ask.edit and profile.edit_model else profile.model
        return f"publishers/google/models/{model}:predict"

    def headers(self, key: str) -> dict[str, str]:
        """Return the headers that carry the key."""
        return {"Authorization": f"Bearer {key}"}

    def as_form(self, ask: Ask) -> bool:  # noqa: ARG002 - always JSON
        """Whether the body is a multipart form; else JSON."""
        return False

    def body(self, fields: dict[str, Any], profile: HostedProfile, ask: Ask) -> dict[str, Any]:  # noqa: ARG002
        """Return the fields split into `instances` and `parameters`."""
        instance = {"prompt": fields.pop("prompt")}
        if not ask.edit:
            return {"instances": [instance], "parameters": {**_FIXED, "enhancePrompt": False, **fields}}
        instance["referenceImages"] = [fields.pop("raw"), fields.pop("mask")]
        return {
            "instances": [instance],
            "parameters": {**_FIXED, "editMode": "EDIT_MODE_INPAINT_INSERTION", **fields},
        }

    def picture(self, answer: dict[str, Any]) -> str | Link:
        """Return `predictions[0].bytesBase64Encoded`."""
        found = answer.get("predictions") or [{}]
        if "bytesBase64Encoded" in found[0]:
            return found[0]["bytesBase64Encoded"]
        raise self.filtered(str(found[0].get("raiFilteredReason", "no picture, no reason")))

    def told(self, answer: Any) -> tuple[set[str], str]:  # noqa: ANN401 - any JSON value
        """Return the codes and the message of an error's body."""
        error = answer["error"]
        return {str(error.get("status"))}, str(error.get("message", ""))[:200]
