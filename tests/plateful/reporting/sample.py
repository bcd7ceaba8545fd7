"""Made-up but realistic tables for report tests: names in many scripts, drawn plates, every outcome."""

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl

from plateful.models.catalog import load_catalog
from plateful.models.versions import ModelVersion
from plateful.rendering.inpainting import fit
from plateful.rendering.plan import plan_tasks
from plateful.reporting.cards import REPORT_TABLES, CountryTables
from plateful.reporting.summary import CountrySummary, summarise_country, summary_json
from plateful.tables import TABLES
from plateful.vision.image_io import open_stored
from tests.plateful.reporting.pictures import DISHES, Pictures, blank

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
PARAMETERS = {"size": 128, "steps": 12, "cfg_scale": 4.0, "style": "soft light", "strength": 0.9}
ENTRY = load_catalog()["plateful-tiny"]
TINY = ModelVersion("plateful-tiny", "3f9ac1d2" * 8, ENTRY.profile_named(), ENTRY)
MASK = np.zeros((160, 160), np.uint8)
MASK[40:130, 30:125] = 255
STATES = ("approved", "pending_review", "approved", "rejected", "approved", "quarantined")
FAILURES = (
    ["safety:text"],
    ["quality:blur", "quality:exposure"],
    ["fidelity:shows the dish"],
    ["rank:beyond_limit"],
)


def fill(table: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Return rows as the table's frame, columns left out being null (lists empty)."""
    columns = TABLES[table].schema
    blanks = {name: [] if isinstance(kind, pl.List) else None for name, kind in columns.items()}
    return TABLES[table].frame([{**blanks, **row} for row in rows])


def country(
    code: str,
    name: str,
    dishes: list,
    pictures: Pictures,
    draw: Any = blank,
    candidates: int = 2,
) -> tuple[CountryTables, CountrySummary]:
    """Tables and summary of one country, one outcome after another."""
    rows: dict[str, list] = {table: [] for table in REPORT_TABLES}
    for index, dish in enumerate(dishes):
        _product(rows, code, index, dish, pictures, draw, candidates)
    rows["rejects"] = [
        {
            "file": f"{code}.csv",
            "row": 3,
            "product_id": "x-9",
            "country": code,
            "reason": "section_heading",
            "detail": "*** 热菜 ***",
        },
        {
            "file": f"{code}.csv",
            "row": 8,
            "product_id": f"{code}-1",
            "country": code,
            "reason": "duplicate_product_id",
            "detail": "first seen in row 2",
        },
        {
            "file": f"{code}.csv",
            "row": 11,
            "product_id": "",
            "country": code,
            "reason": "missing_product_id",
            "detail": "<script>alert(1)</script>",
        },
    ]
    tables = {table: fill(table, made) for table, made in rows.items()}
    products = len(dishes) + 4
    summary = summarise_country(
        code,
        products + 3,
        tables["rejects"],
        pl.DataFrame({"p": range(products)}),
        tables["translated_products"],
        tables["review_decisions"],
        tables["generated_candidates"],
        tables["accepted_candidates"],
        prompts=tables["prompts"],
        published=tables["published_images"],
        refused=tables["refused_images"],
        rendered_now=len(rows["generated_candidates"]),
        seconds={"products": 1.2, "prompts": 0.3, "generated_candidates": 31.8, "published_images": 0.9},
    )
    return CountryTables(code, name, tables), summary


def _product(
    rows: dict,
    code: str,
    index: int,
    dish: tuple,
    pictures: Pictures,
    draw: Any,
    candidates: int,
) -> None:
    name, english, archetype = dish
    product, request, state = f"{code}-{index + 1}", f"{code}{index:014d}", STATES[index % len(STATES)]
    photo = pictures.put(f"photo-{product}", draw(archetype, index + 90, 160)) if index % 3 == 1 else None
    rows["translated_products"].append(
        {
            "product_id": product,
            "vendor_id": "v1",
            "vendor_name": "Golden Wok & Grill",
            "country": code,
            "name": name,
            "name_en": english or name.lower(),
            "category": "Mains",
            "application": "menu-item",
            "photo_sha256": photo,
            "image_status": "poor" if photo else "missing",
            "image_reasons": ["quality:blur"] if photo else [],
        }
    )
    key = None
    if photo:
        # The second photo of a country is a notice.
        key = pictures.put(f"mask-{product}", MASK) if index < 4 else None
        status = "ok" if key else "not_a_dish: text"
        rows["inpainting_masks"].append(
            {"product_id": product, "photo_sha256": photo, "mask_sha256": key, "area": 0.33, "status": status}
        )
    rows["prompts"].append(
        {
            "request_id": request,
            "country": code,
            "subject": product,
            "product_ids": [product],
            "application": "menu-item",
            "template": "menu-item@1",
            "prompt": f"{english or name} with spring onion in a white bowl on a wood background, warm light",
            "negative_prompt": "text, logo, person, blurry",
            "parameters": json.dumps(PARAMETERS),
            "route": "inpaint" if photo else "text_to_image",
            "photo_sha256": photo,
        }
    )
    made = [
        _candidate(rows, code, request, n, archetype, pictures, draw, state, index, photo if key else None)
        for n in range(candidates)
    ]
    chosen = made[0] if state in ("approved", "pending_review") else None
    rows["review_decisions"].append(
        {
            "request_id": request,
            "subject": product,
            "candidate_id": chosen,
            "status": state,
            "decided_by": "policy:1" if state == "approved" else "gates",
            "reasons": {
                "approved": ["every gate passed"],
                "pending_review": ["policy:fidelity below 0.80"],
            }.get(state, ["no candidate left"]),
        }
    )
    if state == "approved":
        rows["published_images"].append(
            {
                "image_id": f"{request}abcd",
                "country": code,
                "product_id": product,
                "candidate_id": chosen,
                "status": "live",
                "url": f"https://images.example/published/{code}/{request}abcd.webp",
            }
        )


def _candidate(
    rows: dict,
    code: str,
    request: str,
    n: int,
    archetype: str,
    pictures: Pictures,
    draw: Any,
    state: str,
    index: int,
    photo: str | None,
) -> str:
    key, good = f"{request}c{n}", n == 0 and state in ("approved", "pending_review")
    broken = state == "quarantined"
    if not broken:
        painted = draw(archetype, index * 7 + n)
        pictures.put(
            key, fit(open_stored(pictures.get(photo)), MASK, 128).composite(painted) if photo else painted
        )
    failures = [] if good else FAILURES[(index + n) % len(FAILURES)]
    rows["generated_candidates"].append(
        {
            "candidate_id": key,
            "request_id": request,
            "country": code,
            "attempt": n,
            "model": "plateful-tiny",
            "receipt": json.dumps(_receipt(rows, n)),
            "route": "inpaint" if photo else "text_to_image",
            "init_sha256": photo,
            "status": "quarantined" if broken else "ok",
            "reason": "render:not_finite" if broken else None,
        }
    )
    if not broken:
        text = any(f == "safety:text" for f in failures)
        rows["safety_scores"].append(
            {
                "candidate_id": key,
                "text": 0.31 if text else 0.98,
                "people": 0.95,
                "creatures": 0.97,
                "found_text": "خصم 50%" if text else None,
                "passed": not text,
                "failures": ["text"] if text else [],
            }
        )
        blurry = any(f.startswith("quality") for f in failures)
        rows["quality_scores"].append(
            {
                "candidate_id": key,
                "position": 0.9,
                "margins": 0.8,
                "sharpness": 0.3 if blurry else 0.85,
                "exposure": 0.7,
                "contrast": 0.6,
                "saturation": 0.9,
                "quality": 0.55 if blurry else 0.81,
                "passed": not blurry,
                "failures": [],
            }
        )
        wrong = any(f.startswith("fidelity") for f in failures)
        answers = [
            {
                "question": "Does it show the dish?",
                "field": "name",
                "kind": "must_show",
                "score": 0.2 if wrong else 0.91,
                "passed": not wrong,
            },
            {
                "question": "Is the background wood?",
                "field": "template",
                "kind": "background",
                "score": 0.74,
                "passed": True,
            },
        ]
        rows["judge_verdicts"].append(
            {
                "candidate_id": key,
                "fidelity": 0.42 if wrong else 0.86,
                "answers": json.dumps(answers),
                "passed": not wrong,
                "failures": [],
            }
        )
    rows["accepted_candidates"].append(
        {
            "candidate_id": key,
            "request_id": request,
            "accepted": good,
            "rank": 1 if good else None,
            "score": 0.8,
            "reasons": ["render:not_finite"] if broken else failures,
        }
    )
    return key


def _receipt(rows: dict, attempt: int) -> dict[str, Any]:
    """The receipt that rendering gives the newest request."""
    prompts, masks = (fill(table, rows[table]) for table in ("prompts", "inpainting_masks"))
    tasks = plan_tasks(prompts.tail(1), masks, TINY, candidates_per_request=attempt + 1)
    return tasks[-1].receipt


def everything(pictures: Pictures, draw: Any = blank, repeat: int = 1) -> tuple[dict, list[CountryTables]]:
    """The summary's JSON and all countries' tables, `repeat` times as many products."""
    made = [country(code, name, dishes * repeat, pictures, draw) for code, (name, dishes) in DISHES.items()]
    rows_in = sum(summary.rows_in for _, summary in made)
    summary = summary_json(
        [summary for _, summary in made],
        model="plateful-tiny",
        model_version=TINY.digest,
        feed_rows_in=rows_in + 2,
        rows_without_country=2,
        whole_feed=True,
    )
    return summary, [tables for tables, _ in made]
