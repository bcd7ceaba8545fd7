"""Cards of the report: one per render request, joined from the country's tables, free of HTML."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from plateful.errors import StoreError
from plateful.reporting.summary import outcomes
from plateful.reporting.thumbnails import ReadImage, Thumbnails
from plateful.vision.image_io import open_stored
from plateful.vision.likeness import same_pixels

# The tables that a country's page is made of; `feed` ones come first.
REPORT_TABLES = (
    "rejects", "translated_products", "prompts", "inpainting_masks", "generated_candidates", "safety_scores",
    "quality_scores", "judge_verdicts", "accepted_candidates", "review_decisions", "published_images",
    "refused_images",
)  # fmt: skip
# Attention first: what waits for a person, then what is live, then what failed.
ORDER = {"pending_review": 0, "published": 1, "accepted": 2, "rejected": 3, "quarantined": 4}
Row = dict[str, Any]


@dataclass(frozen=True)
class CountryTables:
    """One country's tables (plateful.tables) by name: all of REPORT_TABLES."""

    country: str
    name: str
    tables: Mapping[str, pl.DataFrame]

    def __post_init__(self) -> None:
        missing = [name for name in REPORT_TABLES if name not in self.tables]
        if missing:
            raise StoreError(
                f"report of {self.country}: tables {missing} are missing", fix="materialize them first"
            )

    def by(self, table: str, column: str) -> dict[Any, Row]:
        """Return a table's rows by one column's value."""
        return {row[column]: row for row in self.tables[table].iter_rows(named=True)}


@dataclass(frozen=True)
class Bar:
    """A score as a bar: `value` 0..1, or None when the score is missing, which counts as a failure."""

    name: str
    value: float | None
    passed: bool
    detail: str


@dataclass(frozen=True)
class Tile:
    """One candidate: picture (None when it could not be rendered), scores, answers and what became of it.

    attempt: counted from 1.
    model: catalog name of what rendered it.
    receipt: parameter -> receipt line (plateful.models.parameters).
    untouched: of a repainted photo, the share of its pixels that are the photo's own, 0..1; else None.
    """

    candidate_id: str
    attempt: int
    model: str
    image: str | None
    receipt: Mapping[str, Row]
    untouched: float | None
    verdict: str
    bars: tuple[Bar, ...]
    answers: tuple[Row, ...]
    reasons: tuple[str, ...]
    found_text: str | None


@dataclass(frozen=True)
class Card:
    """One render request with its product, candidates and outcome.

    mask_status: of the photo on the inpaint route, `ok` or why it is not repainted; None on other routes.
    """

    status: str
    product: Row
    prompt: Row
    decision: Row
    photo: str | None
    mask: str | None
    mask_area: float | None
    mask_status: str | None
    published: Row | None
    refused: Row | None
    tiles: tuple[Tile, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Every named reason on the card, its decision's and its candidates', once each."""
        named = [*self.decision["reasons"], *(reason for tile in self.tiles for reason in tile.reasons)]
        return tuple(dict.fromkeys(named))

    @property
    def after(self) -> Tile | None:
        """The repainted photo to show beside the vendor's: the live or waiting one, else the first."""
        repainted = [tile for tile in self.tiles if tile.untouched is not None]
        return min(repainted, key=rank, default=None)

    @property
    def from_text(self) -> bool:
        """Whether a repainted photo was passed over for a picture from text, live or waiting."""
        passed_over = self.after is not None and self.after.verdict != self.status
        return passed_over and self.status in ("published", "pending_review")


def rank(tile: Tile) -> int:
    """Return a candidate's place in ORDER."""
    return ORDER[tile.verdict]


def image_keys(tables: CountryTables) -> list[str]:
    """Return the lake keys of every picture that the country's cards show."""
    candidates = tables.tables["generated_candidates"].filter(pl.col("status") == "ok")["candidate_id"]
    photos = tables.tables["translated_products"]["photo_sha256"].drop_nulls()
    outlined = tables.tables["inpainting_masks"].filter(pl.col("mask_sha256").is_not_null())["photo_sha256"]
    return [*candidates, *photos, *outlined]


def cards(tables: CountryTables, read_image: ReadImage, thumbnails: Thumbnails, limit: int) -> list[Card]:
    """Join a country's tables to at most `limit` cards, those that need attention first.

    Raises:
        StoreError: `read_image` has no picture of a key.
    """
    decisions = tables.by("review_decisions", "request_id")
    prompts = tables.tables["prompts"].rows(named=True)
    ends = ("review_decisions", "published_images", "refused_images", "prompts")
    status = outcomes(*(tables.tables[name] for name in ends))
    prompts.sort(key=lambda p: (ORDER[status[p["subject"]]], p["subject"]))
    join = _Join(tables, read_image, thumbnails)
    return [
        join.card(prompt, decisions[prompt["request_id"]], status[prompt["subject"]])
        for prompt in prompts[:limit]
    ]


def reason_counts(tables: CountryTables) -> Counter[str]:
    """Count the named reasons for which candidates were not accepted."""
    return Counter(tables.tables["accepted_candidates"]["reasons"].explode().drop_nulls().to_list())


def reject_counts(rejects: pl.DataFrame) -> Counter[str]:
    """Count feed rejects by reason."""
    return Counter(rejects["reason"].to_list())


class _Join:
    """The country's tables by key, looked up once per card."""

    def __init__(self, tables: CountryTables, read_image: ReadImage, thumbnails: Thumbnails) -> None:
        self._read_image, self._thumbnails = read_image, thumbnails
        self._products = tables.by("translated_products", "product_id")
        self._masks = tables.by("inpainting_masks", "product_id")
        self._refused = tables.by("refused_images", "product_id")
        live = tables.tables["published_images"].filter(pl.col("status") == "live")
        self._live = {row["product_id"]: row for row in live.iter_rows(named=True)}
        self._scores = {
            name: tables.by(name, "candidate_id")
            for name in ("safety_scores", "quality_scores", "judge_verdicts", "accepted_candidates")
        }
        self._candidates: dict[str, list[Row]] = {}
        for row in tables.tables["generated_candidates"].sort("attempt").iter_rows(named=True):
            self._candidates.setdefault(row["request_id"], []).append(row)

    def card(self, prompt: Row, decision: Row, status: str) -> Card:
        product = self._products[prompt["product_ids"][0]]
        photo, mask = product["photo_sha256"], self._masks.get(product["product_id"], {})
        outline = mask.get("mask_sha256") if photo else None
        published = self._live.get(product["product_id"])
        shown = {decision["candidate_id"]: decision["status"]}
        if published:
            shown[published["candidate_id"]] = "published"
        found = self._candidates.get(prompt["request_id"], [])
        return Card(
            status=status,
            product=product,
            prompt=prompt,
            decision=decision,
            photo=self._thumbnails.uri(photo) if photo else None,
            mask=self._thumbnails.outlined(photo, outline) if outline else None,
            mask_area=mask["area"] if outline else None,
            mask_status=mask.get("status") if photo else None,
            published=published,
            refused=self._refused.get(product["product_id"]),
            tiles=tuple(self._tile(row, shown.get(row["candidate_id"])) for row in found),
        )

    def _tile(self, candidate: Row, status: str | None) -> Tile:
        key = candidate["candidate_id"]
        safety, quality, judged, accepted = (table.get(key) for table in self._scores.values())
        reasons = accepted["reasons"] if accepted else ([candidate["reason"]] if candidate["reason"] else [])
        return Tile(
            candidate_id=key,
            attempt=candidate["attempt"] + 1,
            model=candidate["model"],
            image=self._thumbnails.uri(key) if candidate["status"] == "ok" else None,
            receipt=json.loads(candidate["receipt"]),
            untouched=self._untouched(candidate),
            verdict=_verdict(candidate, accepted, status),
            bars=() if candidate["status"] != "ok" else _bars(safety, quality, judged),
            answers=tuple(json.loads(judged["answers"])) if judged else (),
            reasons=tuple(reasons),
            found_text=safety["found_text"] if safety else None,
        )

    def _untouched(self, candidate: Row) -> float | None:
        if candidate["status"] != "ok" or candidate["route"] != "inpaint":
            return None
        keys = candidate["init_sha256"], candidate["candidate_id"]
        return same_pixels(*(open_stored(self._read_image(key)) for key in keys))


def _verdict(candidate: Row, accepted: Row | None, status: str | None) -> str:
    """Say what became of a candidate, given its own status: live, its request's decision, or none."""
    if candidate["status"] != "ok":
        return "quarantined"
    if status in ("published", "pending_review"):
        return status
    # Beyond the limit of n per request a candidate is not accepted, though it passed every gate.
    outranked = accepted and accepted["reasons"] and all(r.startswith("rank:") for r in accepted["reasons"])
    return "accepted" if outranked or (accepted and accepted["accepted"]) else "rejected"


_SAFETY = ("text", "people", "creatures")
_QUALITY = ("position", "margins", "sharpness", "exposure", "contrast", "saturation")


def _bars(safety: Row | None, quality: Row | None, judged: Row | None) -> tuple[Bar, ...]:
    """Fidelity, safety (its weakest score) and quality; the parts go into the detail."""
    weakest = min(safety[name] for name in _SAFETY) if safety else None
    fidelity = judged["fidelity"] if judged else None
    mean = quality["quality"] if quality else None
    return (
        Bar("Fidelity", fidelity, _passed(judged), "the judge's answers, mean" if judged else "not scored"),
        Bar("Safety", weakest, _passed(safety), _parts(safety, _SAFETY)),
        Bar("Quality", mean, _passed(quality), _parts(quality, _QUALITY)),
    )


def _passed(row: Row | None) -> bool:
    return bool(row and row["passed"])


def _parts(row: Row | None, names: tuple[str, ...]) -> str:
    return ", ".join(f"{name} {row[name]:.2f}" for name in names) if row else "not scored"
