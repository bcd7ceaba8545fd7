"""The four interfaces as their references publish them: fields, values, answers and errors."""

import base64
import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from email import message_from_bytes
from typing import Any

import numpy as np
from PIL import Image

RETRY_AFTER = "7"
# (status, body, headers) of what goes wrong before anything is rendered.
Early = dict[str, tuple[int, Any, dict[str, str] | None]]


class Bad(Exception):
    """A request that the provider refuses."""


@dataclass(frozen=True)
class Order:
    """A request understood: size, or the uploaded picture and where it may be repainted."""

    width: int = 0
    height: int = 0
    photo: np.ndarray | None = None
    free: np.ndarray | None = None


@dataclass(frozen=True)
class Api:
    """One provider's interface."""

    base: str
    key_header: str
    key_form: str
    order: Callable[[str, dict[str, Any]], Order]
    answer: Callable[[bytes, str], bytes]
    error: Callable[[int, str], Any]
    before: Early
    withheld: Any
    withheld_is_billed: bool = False


def body_fields(kind: str, raw: bytes) -> dict[str, Any]:
    """The fields of a JSON body, or of a multipart form (files as bytes)."""
    if kind.startswith("application/json"):
        return json.loads(raw)
    parts = message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + raw)
    fields: dict[str, Any] = {}
    for part in parts.get_payload():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        fields[name] = content if part.get_filename() else content.decode()
    return fields


def only(fields: dict[str, Any], needed: set[str], optional: set[str] = frozenset()) -> None:
    """Refuse what the reference does not list."""
    if missing := needed - fields.keys():
        raise Bad(f"missing {sorted(missing)}")
    if unknown := fields.keys() - needed - optional:
        raise Bad(f"Unknown parameter: {sorted(unknown)}")


def one_of(fields: dict[str, Any], name: str, values: set) -> None:
    """Refuse a value that is none of a list."""
    if name in fields and fields[name] not in values:
        raise Bad(f"{name} = {fields[name]!r}")


def within(fields: dict[str, Any], name: str, low: int, high: int) -> None:
    """Refuse a whole number out of its range."""
    if name in fields and not low <= int(fields[name]) <= high:
        raise Bad(f"{name} = {fields[name]!r}")


def opened(content: bytes, mode: str) -> np.ndarray:
    """A file as an array."""
    return np.asarray(Image.open(io.BytesIO(content), formats=("PNG",)).convert(mode))


def edit(photo: bytes, free: np.ndarray | None) -> Order:
    """An edit, with mask and picture of one size."""
    picture = opened(photo, "RGB")
    if free is not None and free.shape != picture.shape[:2]:
        raise Bad("mask and image differ in size")
    return Order(photo=picture, free=free)


def openai_order(path: str, fields: dict[str, Any]) -> Order:
    words = {"model", "prompt", "n", "size", "quality"}
    one_of(fields, "quality", {"low", "medium", "high"} | {"standard", "hd"})
    one_of(fields, "output_format", {"png", "jpeg", "webp"})
    one_of(fields, "response_format", {"b64_json", "url"})
    if str(fields.get("n")) != "1" or not re.fullmatch(r"\d+x\d+", fields.get("size", "")):
        raise Bad("n or size")
    extra = {"output_format", "response_format"}
    if path == "/v1/images/generations":
        only(fields, words, extra)
        width, height = map(int, fields["size"].split("x"))
        return Order(width, height)
    if path != "/v1/images/edits":
        raise Bad(path)
    only(fields, words | {"image"}, extra | {"mask"})
    # An additional image whose fully transparent areas say where to edit.
    free = opened(fields["mask"], "RGBA")[..., 3] == 0 if "mask" in fields else None
    return edit(fields["image"], free)


IMAGEN_SIZES = {"1:1": (1024, 1024), "3:4": (896, 1280), "4:3": (1280, 896), "9:16": (768, 1408),
                "16:9": (1408, 768)}  # fmt: skip


def imagen_order(path: str, fields: dict[str, Any]) -> Order:
    only(fields, {"instances", "parameters"})
    (instance,), parameters = fields["instances"], fields["parameters"]
    shared = {"sampleCount", "seed", "addWatermark", "personGeneration", "includeRaiReason"}
    within(parameters, "seed", 1, 2**31 - 1)
    one_of(parameters, "personGeneration", {"dont_allow", "allow_adult", "allow_all"})
    if parameters["addWatermark"] is not False or parameters["sampleCount"] != 1:
        raise Bad("seed is not available with a watermark")
    if path.endswith("/publishers/google/models/imagen-4.0-generate-001:predict"):
        only(instance, {"prompt"})
        only(parameters, shared, {"aspectRatio", "enhancePrompt"})
        one_of(parameters, "aspectRatio", set(IMAGEN_SIZES))
        return Order(*IMAGEN_SIZES[parameters["aspectRatio"]])
    if not path.endswith("/publishers/google/models/imagen-3.0-capability-001:predict"):
        raise Bad(path)
    only(instance, {"prompt", "referenceImages"})
    only(parameters, shared | {"editMode"})
    one_of(parameters, "editMode", {"EDIT_MODE_INPAINT_INSERTION"})
    raw, mask = instance["referenceImages"]
    only(raw, {"referenceType", "referenceId", "referenceImage"})
    only(mask, {"referenceType", "referenceId", "referenceImage", "maskImageConfig"})
    if (raw["referenceType"], mask["referenceType"]) != ("REFERENCE_TYPE_RAW", "REFERENCE_TYPE_MASK"):
        raise Bad("referenceType")
    if mask["maskImageConfig"] != {"maskMode": "MASK_MODE_USER_PROVIDED", "dilation": 0}:
        raise Bad("maskImageConfig")
    files = [base64.b64decode(one["referenceImage"]["bytesBase64Encoded"]) for one in (raw, mask)]
    return edit(files[0], opened(files[1], "L") == 255)


IDEOGRAM_SIZES = {"1024x1024", "1152x896", "896x1152", "1216x832", "832x1216", "1344x768", "768x1344"}


def ideogram_order(path: str, fields: dict[str, Any]) -> Order:
    shared = {"magic_prompt", "num_images", "rendering_speed", "seed", "style_type"}
    one_of(fields, "magic_prompt", {"OFF"})
    one_of(fields, "num_images", {"1"})
    one_of(fields, "rendering_speed", {"TURBO", "DEFAULT", "QUALITY"})
    one_of(fields, "style_type", {"AUTO", "GENERAL", "REALISTIC", "DESIGN", "FICTION"})
    within(fields, "seed", 0, 2**31 - 1)
    if path == "/v1/ideogram-v3/generate":
        only(fields, {"prompt"}, shared | {"resolution", "negative_prompt"})
        one_of(fields, "resolution", IDEOGRAM_SIZES)
        return Order(*map(int, fields["resolution"].split("x")))
    if path != "/v1/ideogram-v3/inpaint":
        raise Bad(path)
    only(fields, {"prompt", "image", "mask"}, shared)
    # Black regions are the ones to edit.
    return edit(fields["image"], opened(fields["mask"], "L") == 0)


STABILITY_SIZES = {"1:1": (1024, 1024), "16:9": (1344, 768), "9:16": (768, 1344), "3:2": (1216, 832),
                   "2:3": (832, 1216), "5:4": (1088, 896), "4:5": (896, 1088)}  # fmt: skip
STYLES = {"photographic", "cinematic", "analog-film", "enhance", "digital-art", "tile-texture"}


def stability_order(path: str, fields: dict[str, Any]) -> Order:
    shared = {"negative_prompt", "seed", "style_preset", "output_format"}
    one_of(fields, "style_preset", STYLES)
    one_of(fields, "output_format", {"png"})
    within(fields, "seed", 0, 2**32 - 2)
    if path == "/v2beta/stable-image/generate/sd3":
        only(fields, {"prompt", "model"}, shared | {"aspect_ratio", "mode", "cfg_scale"})
        one_of(fields, "model", {"sd3.5-large"})
        one_of(fields, "aspect_ratio", set(STABILITY_SIZES))
        return Order(*STABILITY_SIZES[fields["aspect_ratio"]])
    if path != "/v2beta/stable-image/edit/inpaint":
        raise Bad(path)
    only(fields, {"prompt", "image"}, shared | {"mask", "grow_mask"})
    # White is repainted.
    return edit(fields["image"], opened(fields["mask"], "L") == 255 if "mask" in fields else None)


def text64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def openai_error(code: str, kind: str = "invalid_request_error") -> dict:
    return {"error": {"message": f"told about {code}", "type": kind, "param": None, "code": code}}


def google_error(status: int, word: str) -> dict:
    return {"error": {"code": status, "message": f"told about {word}", "status": word}}


def stability_error(name: str) -> dict:
    return {"id": "ae6b", "name": name, "errors": [f"told about {name}"]}


def early(limit: Any, refuse: tuple[int, Any], quota: tuple[int, Any]) -> Early:
    """The faults that happen before anything is rendered."""
    wait = {"Retry-After": RETRY_AFTER}
    return {
        "rate_limit": (429, limit, wait),
        "rate_limit_bare": (429, limit, None),
        "too_long": (429, limit, {"Retry-After": "3600"}),
        "unavailable": (503, limit, wait),
        "in_progress": (409, limit, None),
        "refuse": (*refuse, None),
        "quota": (*quota, None),
        "not_found": (404, limit, None),
    }


APIS = {
    "openai": Api(
        "/v1",
        "Authorization",
        "Bearer {}",
        openai_order,
        lambda content, _: json.dumps({"created": 1, "data": [{"b64_json": text64(content)}]}).encode(),
        lambda _, word: openai_error(word),
        early(
            openai_error("rate_limit_exceeded", "requests"),
            (400, openai_error("moderation_blocked", "image_generation_user_error")),
            (429, openai_error("credit_balance_exhausted", "insufficient_quota")),
        ),
        {"created": 1, "data": [{}]},
        withheld_is_billed=True,
    ),
    "imagen": Api(
        "/v1/projects/p/locations/l",
        "Authorization",
        "Bearer {}",
        imagen_order,
        lambda content, _: json.dumps(
            {"predictions": [{"mimeType": "image/png", "bytesBase64Encoded": text64(content)}]}
        ).encode(),
        google_error,
        early(
            google_error(429, "RESOURCE_EXHAUSTED"),
            (200, {"predictions": [{"raiFilteredReason": "told about people"}]}),
            (402, google_error(402, "PAYMENT")),
        ),
        {},
    ),
    "ideogram": Api(
        "",
        "Api-Key",
        "{}",
        ideogram_order,
        lambda _, link: json.dumps(
            {"created": "now", "data": [{"url": link, "is_image_safe": True, "seed": 1}]}
        ).encode(),
        lambda _, word: {"error": f"told about {word}"},
        early(
            {"error": "told about limits", "reject_reason": "inflight_limit"},
            (422, {"error": "Prompt or provided image failed the safety checks"}),
            (402, {"error": "told about money", "reject_reason": "insufficient_funds"}),
        ),
        {"created": "now", "data": [{"url": None, "is_image_safe": False}]},
        withheld_is_billed=True,
    ),
    "stability": Api(
        "",
        "Authorization",
        "Bearer {}",
        stability_order,
        lambda content, _: json.dumps(
            {"image": text64(content), "finish_reason": "SUCCESS", "seed": 1}
        ).encode(),
        lambda _, word: stability_error(word),
        early(
            stability_error("rate_limit_exceeded"),
            (403, stability_error("content_moderation")),
            (402, stability_error("payment_required")),
        ),
        {"image": "", "finish_reason": "CONTENT_FILTERED", "seed": 1},
    ),
}
