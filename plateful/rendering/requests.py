"""Render requests that no menu record stands behind: eval items, samples, and requests by hand."""

from collections.abc import Mapping
from typing import Any

from plateful.identity import canonical_json, request_id
from plateful.teams import DEFAULT_TEAM


def request_row(
    partition: str,
    subject: str,
    record_hash: str,
    *,
    prompt: str,
    negative_prompt: str = "",
    parameters: Mapping[str, Any] | None = None,
    application: str | None = None,
    rubric: str = "[]",
    expected_text: str | None = None,
    photo_sha256: str | None = None,
    team: str = DEFAULT_TEAM,
) -> dict[str, Any]:
    """Return one PROMPTS row.

    Args:
        partition: stands for the country; with subject and record it decides the seeds.
        subject: what is shown; unique within the partition.
        record_hash: hash of what the request is about.
        prompt: prompt.
        negative_prompt: negative prompt.
        parameters: further parameters of the unified protocol.
        application: whose defaults apply; the partition stands for none.
        rubric: the judge's questions, JSON.
        expected_text: text that the picture may carry.
        photo_sha256: photo to repaint; None renders from text.
        team: who asks and pays; nobody pays for an evaluation.
    """
    chosen = application or partition
    return {
        "request_id": request_id(partition, subject, chosen, record_hash),
        "country": partition,
        "subject": subject,
        "product_ids": [],
        "application": chosen,
        "template": partition,
        "writer": partition,
        "refused": None,
        "layout": None,
        "prompt": prompt,
        "negative_prompt": negative_prompt,
        "parameters": canonical_json(dict(parameters or {})),
        "contract": "[]",
        "rubric": rubric,
        "expected_text": expected_text,
        "route": "inpaint" if photo_sha256 else "text_to_image",
        "photo_sha256": photo_sha256,
        "record_hash": record_hash,
        "team": team,
    }
