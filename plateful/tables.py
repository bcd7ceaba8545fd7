"""Column schemas of every table in the asset graph: the one place that names columns and types.

Assets publish these as `dagster/column_schema`, the lake enforces them on write, checks read them.
"""

from dataclasses import dataclass, field
from typing import Any

import polars as pl

from plateful.errors import StoreError
from plateful.teams import DEFAULT_TEAM

TEXTS = pl.List(pl.String)
TIME = pl.Datetime("us", "UTC")


@dataclass(frozen=True)
class Table:
    """A table's name, its columns in order, its key and a sentence per column.

    `added` are columns that joined later, with the value of the rows that were written before.
    """

    name: str
    key: tuple[str, ...]
    columns: dict[str, tuple[pl.DataType | type[pl.DataType], str]]
    added: dict[str, Any] = field(default_factory=dict)

    @property
    def schema(self) -> dict[str, pl.DataType | type[pl.DataType]]:
        """Column name -> polars type."""
        return {name: dtype for name, (dtype, _) in self.columns.items()}

    def frame(self, rows: list[dict] | pl.DataFrame) -> pl.DataFrame:
        """Return rows as a frame with exactly this table's columns and types.

        Raises:
            StoreError: a column is missing or unknown.
        """
        if isinstance(rows, pl.DataFrame):
            names = set(rows.columns)
        else:
            names = set(rows[0]) if rows else set(self.columns)
        wrong = names.symmetric_difference(self.columns)
        if wrong:
            raise StoreError(
                f"table {self.name!r}: columns {sorted(wrong)} are missing or unknown",
                fix="give exactly the columns listed in plateful/tables.py",
            )
        if isinstance(rows, pl.DataFrame):
            return rows.select(pl.col(name).cast(dtype) for name, dtype in self.schema.items())
        return pl.DataFrame([{name: row[name] for name in self.columns} for row in rows], schema=self.schema)

    def upgraded(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return a stored frame with the columns that joined after it was written."""
        late = {name: value for name, value in self.added.items() if name not in frame.columns}
        return frame.with_columns(pl.lit(value).alias(name) for name, value in late.items())

    def empty(self) -> pl.DataFrame:
        """Return a frame of no rows with this table's schema."""
        return pl.DataFrame(schema=self.schema)


REJECTS = Table(
    "rejects",
    ("file", "row"),
    {
        "file": (pl.String, "feed file, relative to the feed"),
        "row": (pl.Int64, "1-based data row in that file"),
        "product_id": (pl.String, "as written, cut to 200 characters"),
        "country": (pl.String, "as written, cut to 200 characters"),
        "reason": (pl.String, "named reason, counted by the UI"),
        "detail": (pl.String, "the offending value, shortened, and what to do"),
    },
)

PRODUCTS = Table(
    "products",
    ("product_id",),
    {
        "product_id": (pl.String, "unique within the country"),
        "vendor_id": (pl.String, "vendor that sells it"),
        "vendor_name": (pl.String, "vendor as shown"),
        "country": (pl.String, "ISO 3166-1 alpha-2"),
        "name": (pl.String, "name as the menu has it, NFC, no control characters"),
        "language": (pl.String, "BCP 47, several joined by +"),
        "description": (pl.String, "description without prices and line breaks"),
        "category": (pl.String, "menu category"),
        "cuisine": (pl.String, "cuisine"),
        "ingredients": (TEXTS, "ingredients as written"),
        "dietary": (TEXTS, "dietary claims"),
        "allergens": (TEXTS, "allergens"),
        "price": (pl.Float64, "price in `currency`"),
        "currency": (pl.String, "ISO 4217"),
        "image_url": (pl.String, "vendor photo as given, empty when none"),
        "image_consent": (pl.String, "may the photo be edited or trained on: none, edit, train"),
        "application": (pl.String, "application whose template serves it"),
        "related_products": (TEXTS, "product ids shown together"),
        "expected_text": (pl.String, "text that the picture may carry"),
        "updated_at": (TIME, "last change at the source"),
        "record_hash": (pl.String, "hash of the fields that decide the picture"),
        "image_status": (pl.String, "ok, missing, dead, placeholder, poor, unchecked"),
        "image_reasons": (TEXTS, "why that status: gate failures, or what stopped the check"),
        "photo_sha256": (pl.String, "vendor photo kept in the lake, null when none"),
    },
)

_SUBJECT = {
    name: PRODUCTS.columns[name]
    for name in PRODUCTS.columns
    if name not in ("image_url", "price", "currency")
}

PRODUCTS_WITHOUT_IMAGES = Table(
    "products_without_images",
    ("product_id",),
    {**_SUBJECT, "route": (pl.String, "text_to_image, or inpaint (poor photo with consent)")},
)

TRANSLATED_PRODUCTS = Table(
    "translated_products",
    ("product_id",),
    {
        **PRODUCTS_WITHOUT_IMAGES.columns,
        "name_en": (pl.String, "English or romanised name, lower case; the original stays in `name`"),
        "description_en": (pl.String, "English description, null when it could not be translated"),
        "ingredients_en": (TEXTS, "ingredients that the glossary resolves, in English"),
        "translation": (
            pl.String,
            "how the name was resolved: none (English), glossary, transliteration, a translator's name, or "
            "failed:<reason>",
        ),
        "coverage": (
            pl.Float64,
            "share of the name that was resolved, 0..1: of its letters by the glossary, 1 by a translator",
        ),
    },
)

# A part log, not an asset: what translators answered, so that nothing is sent twice.
TRANSLATIONS = Table(
    "translations",
    ("text_key",),
    {
        "text_key": (pl.String, "hash of translator version, language and text"),
        "translator": (pl.String, "translator version that answered"),
        "language": (pl.String, "language that the text was sent as, null when the translator found out"),
        "text": (pl.String, "text as sent"),
        "english": (pl.String, "answer, one line of ASCII"),
        "translated_at": (TIME, "when"),
    },
)

PROMPTS = Table(
    "prompts",
    ("request_id",),
    {
        "request_id": (pl.String, "one unit of work: subject x application x record"),
        "country": (pl.String, "ISO 3166-1 alpha-2"),
        "subject": (pl.String, "what is shown: the product id, or a group's id"),
        "product_ids": (TEXTS, "products that the picture shows, first the one whose picture it is"),
        "application": (pl.String, "application"),
        "template": (
            pl.String,
            "template, version and team's changes: menu-item@1, menu-item@1+acme.1f2e3d4c",
        ),
        "writer": (pl.String, "who worded the prompt, or refused to, and in which version"),
        "refused": (pl.String, "named reason why the profile's writer did not word it, null when it did"),
        "prompt": (pl.String, "prompt, null when nobody worded it: such a request is quarantined"),
        "negative_prompt": (pl.String, "negative prompt"),
        "parameters": (
            pl.String,
            "requested parameters, canonical JSON (size, steps, cfg_scale, style, strength)",
        ),
        "contract": (
            pl.String,
            "fidelity contract, JSON list of {kind, claim, subject, field, product, required, provable}",
        ),
        "rubric": (
            pl.String,
            "judge questions, JSON list of contract lines with {question, positive, negatives}",
        ),
        "expected_text": (pl.String, "text that the picture may carry, null when none"),
        "layout": (pl.String, "areas kept free, JSON {name: {box, text, field}}, null without a layout"),
        "route": (pl.String, "text_to_image or inpaint"),
        "photo_sha256": (pl.String, "vendor photo to repaint (inpaint route), else null"),
        "record_hash": (pl.String, "record that the request stands for"),
        "team": (pl.String, "who pays, and whose templates were used"),
    },
    added={"team": DEFAULT_TEAM, "writer": "grammar@1", "refused": None, "layout": None},
)

INPAINTING_MASKS = Table(
    "inpainting_masks",
    ("product_id",),
    {
        "product_id": (pl.String, "product"),
        "photo_sha256": (pl.String, "vendor photo in the lake"),
        "mask_sha256": (pl.String, "mask PNG in the lake, null when no dish was found"),
        "area": (pl.Float64, "share of the picture that the mask covers, 0..1"),
        "status": (pl.String, "ok, or why there is no mask"),
        "method": (pl.String, "detector and version"),
    },
)

GENERATED_CANDIDATES = Table(
    "generated_candidates",
    ("candidate_id",),
    {
        "candidate_id": (pl.String, "cache key: hash of everything that decides the pixels"),
        "request_id": (pl.String, "render request"),
        "country": (pl.String, "ISO 3166-1 alpha-2"),
        "subject": (pl.String, "what is shown"),
        "attempt": (pl.Int64, "0-based attempt; decides the seed"),
        "seed": (pl.Int64, "seed"),
        "model": (pl.String, "catalog id"),
        "model_version": (pl.String, "digest of weights and serving profile"),
        "prompt": (pl.String, "prompt as rendered"),
        "negative_prompt": (pl.String, "negative prompt as rendered"),
        "parameters": (pl.String, "effective parameters, canonical JSON"),
        "receipt": (pl.String, "requested vs effective per parameter, JSON"),
        "route": (pl.String, "text_to_image or inpaint"),
        "init_sha256": (pl.String, "init image digest, null when none"),
        "mask_sha256": (pl.String, "mask digest, null when none"),
        "reference_sha256": (pl.String, "reference image digest, null when none"),
        "status": (pl.String, "ok, or quarantined"),
        "reason": (pl.String, "named reason of a quarantine, null when ok"),
        "file_sha256": (pl.String, "sha256 of the stored PNG, null when quarantined"),
        "pixel_sha256": (pl.String, "sha256 of the RGB pixels, null when quarantined"),
        "width": (pl.Int64, "pixels"),
        "height": (pl.Int64, "pixels"),
        "device": (pl.String, "what rendered it: `cpu, N threads`, or the GPU's name"),
        "seconds": (pl.Float64, "render seconds, its share of the batch"),
        "rendered_at": (TIME, "when"),
        "run_id": (pl.String, "Dagster run that rendered it"),
        "team": (pl.String, "who paid"),
        "cost": (pl.Int64, "micro-USD that rendering it cost"),
    },
    # Nothing was charged to anybody then, and there were no reference images.
    added={"team": DEFAULT_TEAM, "cost": 0, "reference_sha256": None},
)

DEFERRED_REQUESTS = Table(
    "deferred_requests",
    ("request_id",),
    {
        "request_id": (pl.String, "render request that waits for money"),
        "subject": (pl.String, "what is shown"),
        "team": (pl.String, "whose budget is used up"),
        "detail": (pl.String, "limit, what is spent, and what to do"),
    },
)

SAFETY_SCORES = Table(
    "safety_scores",
    ("candidate_id",),
    {
        "candidate_id": (pl.String, "candidate"),
        "scorer_version": (pl.String, "models, code and thresholds that decided"),
        "text": (pl.Float64, "1 = no unexpected text, 0 = much"),
        "people": (pl.Float64, "1 = no people"),
        "creatures": (pl.Float64, "1 = no creatures"),
        "found_text": (pl.String, "unexpected text that was read, null when none"),
        "passed": (pl.Boolean, "verdict"),
        "failures": (TEXTS, "named failures"),
    },
)

QUALITY_SCORES = Table(
    "quality_scores",
    ("candidate_id",),
    {
        "candidate_id": (pl.String, "candidate"),
        "scorer_version": (pl.String, "models, code and thresholds that decided"),
        "position": (pl.Float64, "1 = centred"),
        "margins": (pl.Float64, "1 = nothing is cut by the frame"),
        "sharpness": (pl.Float64, "1 = sharp (Laplacian)"),
        "exposure": (pl.Float64, "1 = well exposed"),
        "contrast": (pl.Float64, "1 = enough contrast"),
        "saturation": (pl.Float64, "1 = natural saturation"),
        "quality": (pl.Float64, "weighted mean of the above"),
        "passed": (pl.Boolean, "verdict"),
        "failures": (TEXTS, "named failures"),
    },
)

JUDGE_VERDICTS = Table(
    "judge_verdicts",
    ("candidate_id",),
    {
        "candidate_id": (pl.String, "candidate"),
        "judge_version": (pl.String, "judge model, rubric form and thresholds"),
        "fidelity": (pl.Float64, "mean answer over the contract's lines, 0..1"),
        "answers": (pl.String, "JSON list of {question, field, kind, score, passed}"),
        "passed": (pl.Boolean, "verdict"),
        "failures": (TEXTS, "named failures: the lines answered no"),
    },
)

ACCEPTED_CANDIDATES = Table(
    "accepted_candidates",
    ("candidate_id",),
    {
        "candidate_id": (pl.String, "candidate"),
        "request_id": (pl.String, "render request"),
        "subject": (pl.String, "what is shown"),
        "accepted": (pl.Boolean, "passed every gate and ranks within n"),
        "rank": (pl.Int64, "1 = best of its request, null when not accepted"),
        "score": (pl.Float64, "ranking score, 0..1"),
        "reasons": (TEXTS, "why not, empty when accepted"),
    },
)

REVIEW_DECISIONS = Table(
    "review_decisions",
    ("request_id",),
    {
        "request_id": (pl.String, "render request"),
        "subject": (pl.String, "what is shown"),
        "record_hash": (pl.String, "record that was decided on"),
        "candidate_id": (pl.String, "chosen or waiting candidate, null when none"),
        "status": (pl.String, "approved, pending_review, rejected, quarantined"),
        "decided_by": (pl.String, "policy:<version>, a person, or gates"),
        "reasons": (TEXTS, "why"),
        "decided_at": (TIME, "when, null while pending"),
    },
)

PUBLISHED_IMAGES = Table(
    "published_images",
    ("image_id",),
    {
        "image_id": (pl.String, "address of the image"),
        "country": (pl.String, "ISO 3166-1 alpha-2"),
        "product_id": (pl.String, "product that shows it"),
        "candidate_id": (pl.String, "candidate it was made from"),
        "record_hash": (pl.String, "record that it shows"),
        "model_version": (pl.String, "model that made it"),
        "url": (pl.String, "public URL"),
        "object_sha256": (pl.String, "sha256 of the published object"),
        "status": (pl.String, "live or retired"),
        "reason": (pl.String, "why retired, null when live"),
        "version": (pl.Int64, "rises by one with every change of the row"),
        "updated_at": (TIME, "last change of the row"),
    },
)

REFUSED_IMAGES = Table(
    "refused_images",
    ("product_id", "candidate_id"),
    {
        "product_id": (pl.String, "product that was to show the image"),
        "candidate_id": (pl.String, "approved candidate"),
        "reasons": (TEXTS, "named reasons why publishing does not show it, counted by the UI"),
        "detail": (pl.String, "the fault and what to do about it, null when the reasons say it"),
    },
)

EVAL_IMAGES = Table(
    "eval_images",
    ("item_id",),
    {
        "item_id": (pl.String, "eval item"),
        "stratum": (pl.String, "archetype"),
        "background": (pl.String, "background asked for"),
        "prompt": (pl.String, "description"),
        **{
            n: GENERATED_CANDIDATES.columns[n]
            for n in ("candidate_id", "seed", "file_sha256", "pixel_sha256", "status")
        },
        "reason": GENERATED_CANDIDATES.columns["reason"],
    },
)

EVAL_SCORES = Table(
    "eval_scores",
    ("item_id",),
    {
        "item_id": (pl.String, "eval item"),
        "stratum": (pl.String, "archetype"),
        "candidate_id": (pl.String, "eval image"),
        "archetype_correct": (pl.Boolean, "tiny CLIP names the dish asked for"),
        "background_correct": (pl.Boolean, "tiny CLIP names the background asked for"),
        "fidelity": (pl.Float64, "judge's score, 0..1"),
        "quality": (pl.Float64, "quality score, 0..1"),
        "safe": (pl.Boolean, "safety verdict"),
    },
)

MODEL_LEADERBOARD = Table(
    "model_leaderboard",
    ("model_version",),
    {
        "model_version": (pl.String, "digest"),
        "model": (pl.String, "catalog id"),
        "mlflow_run_id": (pl.String, "run"),
        "registered_version": (pl.String, "version in the model registry"),
        "aliases": (TEXTS, "registry aliases"),
        "items": (pl.Int64, "eval items"),
        "archetype_accuracy": (pl.Float64, "share"),
        "background_accuracy": (pl.Float64, "share"),
        "fidelity": (pl.Float64, "mean"),
        "quality": (pl.Float64, "mean"),
        "safe_share": (pl.Float64, "share"),
        "url": (pl.String, "MLflow page"),
    },
)

COST_REPORT = Table(
    "cost_report",
    ("team", "country", "application", "model"),
    {
        "team": (pl.String, "who paid"),
        "country": (pl.String, "ISO 3166-1 alpha-2"),
        "application": (pl.String, "application"),
        "model": (pl.String, "catalog id of the model that rendered"),
        "renders": (pl.Int64, "charged renders, those that failed or were replaced included"),
        "cost": (pl.Int64, "micro-USD"),
        "accepted": (pl.Int64, "images of them that passed every gate and rank within n"),
        "published": (pl.Int64, "images of them that are live"),
        "cost_per_accepted": (pl.Int64, "micro-USD, rounded up, null when none was accepted"),
        "cost_per_published": (pl.Int64, "micro-USD, rounded up, null when none is live"),
    },
)

TABLES: dict[str, Table] = {
    t.name: t
    for t in (
        REJECTS, PRODUCTS, PRODUCTS_WITHOUT_IMAGES, TRANSLATED_PRODUCTS, PROMPTS, INPAINTING_MASKS,
        GENERATED_CANDIDATES, DEFERRED_REQUESTS, SAFETY_SCORES, QUALITY_SCORES, JUDGE_VERDICTS,
        ACCEPTED_CANDIDATES, REVIEW_DECISIONS, PUBLISHED_IMAGES, REFUSED_IMAGES, EVAL_IMAGES, EVAL_SCORES,
        MODEL_LEADERBOARD, COST_REPORT,
    )
}  # fmt: skip
