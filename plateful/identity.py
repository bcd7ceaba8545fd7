"""Identity: canonical hashing, candidate ids and seeds (design section 5).

A candidate id is the cache key of a picture: everything that changes a pixel is in it, and nothing else is.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from plateful.errors import StoreError

# Ids have 64 digits; tables print the first 12, and these are enough to name one.
MIN_PREFIX = 8
# Made once: `json.dumps` with options of its own builds an encoder a call.
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_json(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Serialise to the one JSON text that equal values share: sorted keys, no spaces, no NaN."""
    return _CANONICAL.encode(value)


def sha256_hex(content: bytes | str) -> str:
    """Return the 64 hex digits of sha256 over bytes, or over the UTF-8 of a string."""
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def content_hash(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Hash any JSON value through its canonical form."""
    return sha256_hex(canonical_json(value))


def id_from_prefix(
    prefix: str, ids: Iterable[str], *, where: str, what: str = "candidate", lister: str = "review list"
) -> str:
    """Return the one id that starts with a person's digits; `lister` is the command that shows the ids.

    Raises:
        StoreError: too few digits, no such id, or several.
    """
    if len(prefix) < MIN_PREFIX:
        raise StoreError(f"{what} {prefix!r} is too short", fix=f"give {MIN_PREFIX} digits or more")
    found = sorted({one for one in ids if one.startswith(prefix)})
    if not found:
        raise StoreError(f"{what} {prefix!r} is not {where}", fix=f"list them with `plateful {lister}`")
    if len(found) > 1:
        raise StoreError(f"{len(found)} {what}s start with {prefix!r}", fix="give more digits")
    return found[0]


def seed_for(country: str, request: str, attempt: int) -> int:
    """Return the 63-bit seed of an attempt; the same for every model, so models compare on equal seeds.

    `request` is the request id, which holds the subject and its record: a changed record draws new pictures
    even where the changed words do not reach the prompt.
    """
    digest = hashlib.sha256(f"{country}\x1f{request}\x1f{attempt}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def candidate_id(
    *,
    model_digest: str,
    adapter_digests: Sequence[str],
    prompt: str,
    negative_prompt: str,
    parameters: Mapping[str, Any],
    seed: int,
    init_image: str | None,
    mask: str | None,
    reference_image: str | None,
) -> str:
    """Return the candidate id: sha256 over everything that decides its pixels.

    `parameters` are the effective ones; `init_image`, `mask` and `reference_image` are sha256 digests.
    """
    return content_hash(
        {
            "model": model_digest,
            "adapters": list(adapter_digests),
            "prompt": sha256_hex(prompt),
            "negative": sha256_hex(negative_prompt),
            "parameters": dict(parameters),
            "seed": seed,
            "init": init_image,
            "mask": mask,
            "reference": reference_image,
        }
    )


def asked_version(version: str, question: str | None) -> str:
    """Return the version of a score that also depends on what was asked (expected text, rubric).

    A record may change its contract without changing a pixel; the old answer must not be read for the new
    question.
    """
    return version if question is None else f"{version}-{sha256_hex(question)[:8]}"


def request_id(country: str, subject: str, application: str, record_hash: str) -> str:
    """Return the 16 hex digits of one unit of work: a subject, its record as it is, an application."""
    return content_hash([country, subject, application, record_hash])[:16]


def image_id(country: str, subject: str, candidate: str) -> str:
    """Return the 24 hex digits under which a published image is addressed."""
    return content_hash([country, subject, candidate])[:24]
