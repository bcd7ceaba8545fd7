"""One small country in every table: requests, candidates and scores that tests change."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from plateful.acceptance import accept
from plateful.identity import sha256_hex
from plateful.ledger import Decision
from plateful.rendering.plan import first_attempts
from plateful.review.policy import AutoApproval, decide, load_policy
from plateful.stores import Lake
from plateful.tables import TABLES
from plateful.vision.image_io import encode_png, pixel_sha256
from tests.plateful.stores.rows import NOW, row


def candidate_key(subject: str, attempt: int) -> str:
    """The candidate id that a test country uses."""
    return sha256_hex(f"{subject}/{attempt}")


def picture(key: str) -> np.ndarray:
    """Pixels of a candidate: (64, 64, 3) uint8, another for every key."""
    return np.random.default_rng(int(key[:8], 16)).integers(0, 255, (64, 64, 3), dtype=np.uint8)


@dataclass
class Country:
    """Rows by table; `decisions` are the ledger's."""

    code: str = "SG"
    rows: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)
    quarantined: dict[str, str] = field(default_factory=dict)
    per_request: int = 2
    # How often new pictures of a subject were asked for; each time two.
    generations: dict[str, int] = field(default_factory=dict)

    def add(self, subject: str, candidates: int = 2, *, record: str = "h1") -> None:
        """Add a product without an image, its request `r-<subject>-<record>`, and candidates that pass."""
        request = f"r-{subject}-{record}"
        self.put("products", subject, product_id=subject, name=f"Dish {subject}", record_hash=record,
                 country=self.code, image_status="missing", photo_sha256=None)  # fmt: skip
        self.put("translated_products", subject, product_id=subject, translation="glossary", coverage=1.0)
        self.put("prompts", request, request_id=request, subject=subject, product_ids=[subject],
                 record_hash=record, country=self.code, application="menu-item")  # fmt: skip
        for attempt in range(candidates):
            self.add_candidate(subject, attempt, request)

    def add_candidate(self, subject: str, attempt: int, request: str) -> str:
        """Add a candidate that passes everything; a later attempt scores a little less."""
        key = candidate_key(subject, attempt)
        good = {"candidate_id": key, "passed": True, "failures": []}
        png = encode_png(picture(key))
        self.put("generated_candidates", key, candidate_id=key, request_id=request, subject=subject,
                 attempt=attempt, status="ok", reason=None, country=self.code, file_sha256=sha256_hex(png),
                 pixel_sha256=pixel_sha256(picture(key)))  # fmt: skip
        self.put("safety_scores", key, **good)
        self.put("quality_scores", key, **good, quality=0.9 - attempt / 10)
        self.put("judge_verdicts", key, **good, fidelity=0.9)
        return key

    def put(self, table: str, key: str, **values: object) -> None:
        """Add or change one row."""
        rows = self.rows.setdefault(table, {})
        rows[key] = {**rows.get(key, row(table)), **values}

    def drop(self, table: str, key: str) -> None:
        """Remove one row."""
        del self.rows[table][key]

    def frame(self, table: str) -> pl.DataFrame:
        """A table as it stands; acceptance is computed."""
        if table == "accepted_candidates":
            names = ("generated_candidates", "safety_scores", "quality_scores", "judge_verdicts")
            return accept(
                *(self.frame(name) for name in names),
                per_request=self.per_request,
                first_attempts=first_attempts(self.generations, 2),
            )
        return TABLES[table].frame(list(self.rows.get(table, {}).values()))

    def say(self, subject: str, attempt: int, word: str, *, record: str = "h1", by: str = "ana") -> Decision:
        """A person's decision, recorded in order."""
        number = len(self.decisions) + 1
        said = Decision(self.code, f"r-{subject}-{record}", subject, record, candidate_key(subject, attempt),
                        word, by, f"because {number}", NOW + timedelta(minutes=number), number)  # fmt: skip
        self.decisions.append(said)
        return said

    def decide(
        self, policy: AutoApproval | None = None, *, deferred: pl.DataFrame | None = None
    ) -> pl.DataFrame:
        """Review decisions as they stand."""
        return decide(
            self.code,
            prompts=self.frame("prompts"),
            accepted=self.frame("accepted_candidates"),
            candidates=self.frame("generated_candidates"),
            judge=self.frame("judge_verdicts"),
            quality=self.frame("quality_scores"),
            decisions=self.decisions,
            quarantined=self.quarantined,
            policy=policy or load_policy(),
            clock=clock,
            translated=self.frame("translated_products"),
            deferred=deferred,
        )

    def write(self, lake: Lake) -> None:
        """Put all tables and pictures into a lake."""
        for table in self.rows:
            lake.write_table(table, self.frame(table), self.code)
        lake.write_table("accepted_candidates", self.frame("accepted_candidates"), self.code)
        lake.write_table("review_decisions", self.decide(), self.code)
        for key in self.rows.get("generated_candidates", {}):
            lake.put_image(key, encode_png(picture(key)))


def clock() -> datetime:
    """Always the same time."""
    return NOW
