"""Review decisions: people first, then the auto-approval policy; exactly one row per render request."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from plateful.acceptance import BEYOND_LIMIT, by_key
from plateful.errors import ConfigError
from plateful.identity import content_hash
from plateful.ledger.records import Decision
from plateful.tables import REVIEW_DECISIONS

DEFAULT_POLICY = Path(__file__).parent / "policy.yaml"
# Enough to see what is wrong with a request; the rest is in accepted_candidates.
MAX_REASONS = 8
# The reason of a request that nobody could pay for yet: it waits for money, not for a person.
DEFERRED = "budget:deferred"
Row = Mapping[str, Any]


class _Share(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    value: float = Field(ge=0, le=1)
    why: str = Field(min_length=1)


class _Switch(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    value: bool
    why: str = Field(min_length=1)


class AutoApproval(BaseModel):
    """What may be published without a person; each value carries its reason."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    min_fidelity: _Share
    min_quality: _Share
    min_translation_coverage: _Share
    applications: dict[str, _Switch]

    @property
    def version(self) -> str:
        """8 hex digits over the values; reasons do not count."""
        values = {
            "min_fidelity": self.min_fidelity.value,
            "min_quality": self.min_quality.value,
            "min_translation_coverage": self.min_translation_coverage.value,
            "applications": {name: switch.value for name, switch in self.applications.items()},
        }
        return content_hash(values)[:8]


def load_policy(path: Path = DEFAULT_POLICY) -> AutoApproval:
    """Load the auto-approval policy.

    Raises:
        ConfigError: no such file, not YAML, or a line is missing, unknown, out of range or has no reason.
    """
    try:
        return AutoApproval.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as fault:
        raise ConfigError(
            f"auto-approval policy {path}: {fault}", fix="compare it with plateful/review/policy.yaml"
        ) from fault


def decide(
    country: str,
    prompts: pl.DataFrame,
    accepted: pl.DataFrame,
    candidates: pl.DataFrame,
    judge: pl.DataFrame,
    quality: pl.DataFrame,
    decisions: Iterable[Decision],
    quarantined: Mapping[str, str],
    policy: AutoApproval,
    clock: Callable[[], datetime],
    *,
    translated: pl.DataFrame | None = None,
    deferred: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Return REVIEW_DECISIONS with one row per request in `prompts`, in their order.

    A person's approval wins over everything but a failed gate and new candidates that were asked for since;
    a person's rejection of one candidate passes on to the next accepted one. The policy then approves the
    best accepted candidate that meets it. A request that waits for money, without any candidate, waits.

    Args:
        country: ISO 3166-1 alpha-2; decisions of other countries are ignored.
        prompts: PROMPTS.
        accepted: ACCEPTED_CANDIDATES.
        candidates: GENERATED_CANDIDATES.
        judge: JUDGE_VERDICTS.
        quality: QUALITY_SCORES.
        decisions: the ledger's, any order.
        quarantined: request id -> reason, from the ledger.
        policy: auto-approval policy.
        clock: aware UTC.
        translated: TRANSLATED_PRODUCTS, for the translation line; without it no name counts as understood.
        deferred: DEFERRED_REQUESTS; None = none.
    """
    owing = {} if deferred is None else dict(deferred.select("request_id", "team").iter_rows())
    said: dict[str, list[Decision]] = defaultdict(list)
    for decision in sorted(decisions, key=lambda d: d.id or 0):
        if decision.country == country:
            said[decision.request_id].append(decision)
    evidence = _Evidence(
        policy,
        judge=by_key(judge, "candidate_id", "judge_verdicts"),
        quality=by_key(quality, "candidate_id", "quality_scores"),
        coverage=_coverage(translated),
    )
    ranked = _by_request(accepted.sort("rank", "candidate_id", nulls_last=True))
    rendered = _by_request(candidates)
    rows = []
    for prompt in prompts.iter_rows(named=True):
        request = prompt["request_id"]
        if request in owing and not rendered[request]:
            outcome = _row(None, "pending_review", f"budget:{owing[request]}", [DEFERRED], None)
        else:
            outcome = _decide_one(
                prompt,
                ranked[request],
                rendered[request],
                said[request],
                quarantined.get(request),
                evidence,
                clock,
            )
        rows.append({**{name: prompt[name] for name in ("request_id", "subject", "record_hash")}, **outcome})
    return REVIEW_DECISIONS.frame(rows)


@dataclass(frozen=True)
class _Evidence:
    """What the policy looks at."""

    policy: AutoApproval
    judge: Mapping[str, Row]
    quality: Mapping[str, Row]
    coverage: Mapping[str, float]

    def objections(self, prompt: Row, candidate_id: str) -> list[str]:
        """Return why the policy does not approve a candidate; a missing number is an objection."""
        switch = self.policy.applications.get(prompt["application"])
        found = [] if switch is not None and switch.value else [f"policy:application:{prompt['application']}"]
        found += _unprovable(json.loads(prompt["contract"]))
        understood = [self.coverage.get(product) for product in prompt["product_ids"]]
        found += _below("translation_coverage", understood, self.policy.min_translation_coverage.value)
        fidelity = self.judge.get(candidate_id, {}).get("fidelity")
        found += _below("fidelity", [fidelity], self.policy.min_fidelity.value)
        value = self.quality.get(candidate_id, {}).get("quality")
        return found + _below("quality", [value], self.policy.min_quality.value)


def _unprovable(lines: list[dict[str, Any]]) -> list[str]:
    """Claims that decide and that no judge can answer, each once; what decides nothing needs no person."""
    claims = [line["claim"] for line in lines if line["required"] and not line["provable"]]
    return [f"policy:{claim}" for claim in dict.fromkeys(claims)]


def _below(name: str, values: list[float | None], least: float) -> list[str]:
    if least <= 0:
        return []
    if any(value is None for value in values) or not values:
        return [f"policy:{name}_unknown"]
    # Not `<`: a NaN must object too.
    return [] if all(value >= least for value in values if value is not None) else [f"policy:{name}"]


def _coverage(translated: pl.DataFrame | None) -> dict[str, float]:
    """Return product id -> understood share of its name; a name that needed no translation counts as 1."""
    if translated is None:
        return {}
    rows = translated.select("product_id", "translation", "coverage").iter_rows()
    return {product: 1.0 if how == "none" else share for product, how, share in rows}


def _by_request(frame: pl.DataFrame) -> dict[str, list[Row]]:
    requests: dict[str, list[Row]] = defaultdict(list)
    for row in frame.iter_rows(named=True):
        requests[row["request_id"]].append(row)
    return requests


def _decide_one(
    prompt: Row,
    ranked: list[Row],
    rendered: list[Row],
    said: list[Decision],
    quarantine: str | None,
    evidence: _Evidence,
    clock: Callable[[], datetime],
) -> dict[str, Any]:
    if prompt["prompt"] is None:
        return _row(None, "quarantined", "gates", [f"prompt:{prompt['refused']}"], clock())
    latest = {decision.candidate_id: decision for decision in said}
    passed_gates = {
        row["candidate_id"] for row in ranked if row["accepted"] or row["reasons"] == [BEYOND_LIMIT]
    }
    approvals = [d for d in latest.values() if d.decision == "approved" and d.candidate_id in passed_gates]
    if approvals:
        chosen = max(approvals, key=lambda d: d.id or 0)
        return _row(
            chosen.candidate_id, "approved", chosen.decided_by, [f"person:{chosen.reason}"], chosen.decided_at
        )
    open_ids = [
        row["candidate_id"] for row in ranked if row["accepted"] and row["candidate_id"] not in latest
    ]
    objections = {candidate: evidence.objections(prompt, candidate) for candidate in open_ids}
    for candidate in open_ids:
        if not objections[candidate]:
            return _row(candidate, "approved", f"policy:{evidence.policy.version}", ["policy:met"], clock())
    if open_ids:
        by = f"policy:{evidence.policy.version}"
        return _row(open_ids[0], "pending_review", by, objections[open_ids[0]], None)
    return _nothing_left(ranked, rendered, list(latest.values()), quarantine, clock)


def _nothing_left(
    ranked: list[Row],
    rendered: list[Row],
    said: list[Decision],
    quarantine: str | None,
    clock: Callable[[], datetime],
) -> dict[str, Any]:
    """Decide a request without a candidate to show: a person's rejection, a quarantine, or the gates'."""
    rejections = [d for d in said if d.decision == "rejected"]
    if rejections:
        last = max(rejections, key=lambda d: d.id or 0)
        return _row(
            last.candidate_id, "rejected", last.decided_by, [f"person:{last.reason}"], last.decided_at
        )
    if all(row["status"] != "ok" for row in rendered):
        reasons = sorted({f"render:{row['reason']}" for row in rendered}) or ["render:no_candidates"]
        return _row(None, "quarantined", "gates", [quarantine] if quarantine else reasons, clock())
    counts = Counter(reason for row in ranked for reason in row["reasons"])
    reasons = [reason for reason, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
    return _row(None, "rejected", "gates", reasons[:MAX_REASONS] or ["missing_acceptance"], clock())


def _row(
    candidate: str | None, status: str, by: str, reasons: list[str], at: datetime | None
) -> dict[str, Any]:
    return {
        "candidate_id": candidate,
        "status": status,
        "decided_by": by,
        "reasons": reasons,
        "decided_at": at,
    }
