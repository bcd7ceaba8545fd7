"""The review queue: what waits for a person, one candidate in full, and a person's word on it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from plateful.acceptance import BEYOND_LIMIT, SUPERSEDED
from plateful.errors import StoreError
from plateful.identity import id_from_prefix
from plateful.ledger import Decision, Ledger
from plateful.stores.lake import Lake

Row = Mapping[str, Any]
_SCORES = {"accepted_candidates": "score", "judge_verdicts": "fidelity", "quality_scores": "quality"}
# What passed the gates may be decided on; of an earlier generation only to take it off, as it may be live.
_OPEN_TO = {"approved": (BEYOND_LIMIT,), "rejected": (BEYOND_LIMIT, SUPERSEDED)}
_PENDING_COLUMNS = ("request_id", "subject", "candidate_id", "application", "prompt", *_SCORES.values())


@dataclass(frozen=True)
class PendingReview:
    """One request that waits, with the candidate proposed for it."""

    country: str
    request_id: str
    subject: str
    candidate_id: str
    application: str
    name: str
    prompt: str
    score: float
    fidelity: float
    quality: float
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class ReviewDetail:
    """Everything known about one candidate; its picture is `lake.get_image(candidate_id)`."""

    country: str
    candidate_id: str
    acceptance: Row
    prompt: Row
    candidate: Row
    safety: Row | None
    quality: Row | None
    judge: Row | None
    decisions: tuple[Decision, ...]


def pending(country: str, lake: Lake, ledger: Ledger) -> list[PendingReview]:
    """Return what waits in a country, best score first; what was decided since the last run is left out.

    Raises:
        StoreError: the country was never materialized.
    """
    decided = {decision.candidate_id for decision in ledger.decisions(country)}
    waiting = lake.read_table("review_decisions", country).filter(pl.col("status") == "pending_review")
    joined = waiting.join(
        lake.read_table("prompts", country).select("request_id", "application", "prompt", "product_ids"),
        on="request_id",
    )
    for table, column in _SCORES.items():
        scores = lake.read_table(table, country).select("candidate_id", column)
        joined = joined.join(scores, on="candidate_id")
    names = dict(lake.read_table("products", country).select("product_id", "name").iter_rows())
    return [
        PendingReview(
            country=country,
            reasons=tuple(row["reasons"]),
            name=" + ".join(names.get(product, product) for product in row["product_ids"]),
            **{column: row[column] for column in _PENDING_COLUMNS},
        )
        for row in joined.sort("score", "request_id", descending=[True, False]).iter_rows(named=True)
        if row["candidate_id"] not in decided
    ]


def show(candidate_id: str, country: str | None, lake: Lake, ledger: Ledger) -> ReviewDetail:
    """Return one candidate in full.

    Args:
        candidate_id: the id, or its first eight or more digits.
        country: where to look; None looks in every country.
        lake: tables.
        ledger: decisions.

    Raises:
        StoreError: no such candidate, or several start with these digits.
    """
    place, acceptance = _find(candidate_id, country, lake)
    key = acceptance["candidate_id"]
    prompt = _one(lake, "prompts", place, "request_id", acceptance["request_id"])
    candidate = _one(lake, "generated_candidates", place, "candidate_id", key)
    if prompt is None or candidate is None:
        raise StoreError(
            f"candidate {key} belongs to request {acceptance['request_id']}, which is no longer in {place}",
            fix=f"materialize {place} again; its record has changed or left the feed",
        )
    return ReviewDetail(
        country=place,
        candidate_id=key,
        acceptance=acceptance,
        prompt=prompt,
        candidate=candidate,
        safety=_one(lake, "safety_scores", place, "candidate_id", key),
        quality=_one(lake, "quality_scores", place, "candidate_id", key),
        judge=_one(lake, "judge_verdicts", place, "candidate_id", key),
        decisions=tuple(d for d in ledger.decisions(place) if d.candidate_id == key),
    )


def approve(
    candidate_id: str,
    country: str | None,
    lake: Lake,
    ledger: Ledger,
    *,
    by: str,
    reason: str,
    clock: Callable[[], datetime],
    revise: bool = False,
) -> Decision:
    """Record that a person approves a candidate; the next publication shows it.

    Args:
        candidate_id: the id, or its first eight or more digits.
        country: where to look; None looks in every country.
        lake: tables.
        ledger: takes the decision.
        by: who decides.
        reason: why.
        clock: aware UTC.
        revise: overrule an earlier decision on this candidate.

    Raises:
        StoreError: unknown candidate, one that failed a gate, or one already decided.
    """
    return _say("approved", show(candidate_id, country, lake, ledger), ledger, by, reason, clock, revise)


def reject(
    candidate_id: str,
    country: str | None,
    lake: Lake,
    ledger: Ledger,
    *,
    by: str,
    reason: str,
    clock: Callable[[], datetime],
    revise: bool = False,
) -> Decision:
    """Record that a person rejects a candidate; the next accepted one takes its place, a live image retires.

    Arguments and errors are those of `approve`; a reason is required.
    """
    if not reason.strip():
        raise StoreError(f"rejecting {candidate_id} needs a reason", fix="say what is wrong with the picture")
    return _say("rejected", show(candidate_id, country, lake, ledger), ledger, by, reason, clock, revise)


def _say(
    word: str,
    found: ReviewDetail,
    ledger: Ledger,
    by: str,
    reason: str,
    clock: Callable[[], datetime],
    revise: bool,
) -> Decision:
    failed = [name for name in found.acceptance["reasons"] if name not in _OPEN_TO[word]]
    if failed:
        raise StoreError(
            f"candidate {found.candidate_id} failed {', '.join(failed)} and cannot be {word}",
            fix="decide on another candidate of the request, or regenerate it",
        )
    last = found.decisions[-1] if found.decisions else None
    if last is not None and last.decision == word:
        raise StoreError(
            f"candidate {found.candidate_id} was already {word} by {last.decided_by}",
            fix="nothing to do",
        )
    decision = Decision(
        country=found.country,
        request_id=found.acceptance["request_id"],
        subject=found.acceptance["subject"],
        record_hash=found.prompt["record_hash"],
        candidate_id=found.candidate_id,
        decision=word,
        decided_by=by,
        reason=reason,
        decided_at=clock(),
    )
    ledger.record_decision(decision, revise=revise)
    return decision


def _find(candidate_id: str, country: str | None, lake: Lake) -> tuple[str, Row]:
    found = {
        (place, row["candidate_id"]): row
        for place in ([country] if country else lake.partitions("accepted_candidates"))
        for row in lake.read_table("accepted_candidates", place)
        .filter(pl.col("candidate_id").str.starts_with(candidate_id))
        .iter_rows(named=True)
    }
    where = f"in {country}" if country else "in any country"
    key = id_from_prefix(candidate_id, [key for _, key in found], where=where)
    places = [place for place, _ in found]
    if len(places) > 1:
        raise StoreError(f"candidate {key} is in {', '.join(places)}", fix="name the country")
    return places[0], found[places[0], key]


def _one(lake: Lake, table: str, country: str, column: str, value: str) -> Row | None:
    if not lake.has_table(table, country):
        return None
    rows = lake.read_table(table, country).filter(pl.col(column) == value)
    return rows.row(0, named=True) if rows.height else None
