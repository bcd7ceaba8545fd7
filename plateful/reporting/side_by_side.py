"""The page of a comparison: models side by side, one self-contained HTML file.

Figures by model, the paired comparison with its intervals, what each model was really given, and per prompt
the pictures beside each other with scores, reasons and receipt.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from plateful.evaluation.side_by_side import METRICS, Column, Comparison
from plateful.evaluation.stages import STAGES
from plateful.reporting.page import render_page, write_page
from plateful.reporting.report import reason_gate, reason_label
from plateful.reporting.thumbnails import STEPS, ReadImage, Thumbnails

# Base64 bytes of all pictures, and pictures shown: with some 3 kB of text each the page stays below 5 MB.
IMAGE_BUDGET, MOST_TILES = 3_300_000, 360
# Larger than a report's tiles: what tells two models apart are details.
SIDES = ((384, 84), (288, 80), (224, 76), *STEPS)
METRIC_WORDS = {
    "passed": "Passes every gate",
    "safe": "Nobody, no creature, no text",
    "no_stray_text": "No stray text",
    "layout": "Dish in place",
    "quality": "Quality",
    "fidelity": "Fidelity",
    "legible": "Expected text legible",
    "distance": "Distance to the first",
}
# Their values differ from picture to picture; the table tells what became of them, the receipts hold them.
VARYING = ("model", "prompt", "negative_prompt", "seed")
# Differences of shares are drawn on this much to either side of zero.
REACH = 1.0


def write_side_by_side(
    path: Path, comparison: Comparison, *, read_image: ReadImage, generated_at: datetime
) -> Path:
    """Write the page of a comparison to `path`, atomically; return `path`.

    Args:
        path: HTML file.
        comparison: models on a sample.
        read_image: lake key -> bytes.
        generated_at: time shown in the header, aware UTC.
    """
    columns = comparison.columns
    prompts = comparison.sample.prompts
    shown = prompts.head(max(1, MOST_TILES // len(columns)))
    keys = [key for column in columns for key in _pictures(column, shown["request_id"])]
    thumbnails = Thumbnails.within(IMAGE_BUDGET, keys, read_image, SIDES)
    html = render_page(
        "side_by_side.html.j2",
        {"label": reason_label, "gate": reason_gate, "metric": lambda name: METRIC_WORDS[name]},
        styles=("report.css", "side_by_side.css"),
        scripts=("zoom.js",),
        sample=comparison.sample,
        models=[
            {**column.summary(), "name": _version_name(column), "fix": _fix(column)} for column in columns
        ],
        stages=STAGES,
        metrics=[*METRICS, "distance"],
        paired=[_interval(row) for row in comparison.paired.iter_rows(named=True)],
        base=next((column.model for column in columns if not column.problem), None),
        given=_given(columns),
        cards=_cards(shown, columns, thumbnails),
        left_out=prompts.height - shown.height,
        generated_at=generated_at,
    )
    return write_page(path, html)


def _version_name(column: Column) -> str | None:
    return column.version.name if column.version else None


def _fix(column: Column) -> str | None:
    return column.problem.fix if column.problem else None


def _pictures(column: Column, requests: pl.Series) -> list[str]:
    """Lake keys of a column's pictures that are shown."""
    wanted = pl.col("request_id").is_in(requests.implode()) & (pl.col("status") == "ok")
    return column.artifacts.filter(wanted)["candidate_id"].to_list()


def _interval(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a paired row with where its interval is drawn, in percent, and whether it is clear of zero."""

    def place(value: float) -> float:
        return 50 + 50 * max(-1.0, min(1.0, value / REACH))

    known = row["low"] is not None
    low, high = (row["low"], row["high"]) if known else (row["difference"], row["difference"])
    better = "better" if known and low > 0 else "worse" if known and high < 0 else "level"
    places = {"at": place(row["difference"]), "from": place(low), "to": place(high)}
    return {**row, "verdict": better, "places": places}


def _given(columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Return one row per parameter: what each model made of it over the sample, most frequent first."""
    receipts = [[task.receipt for task in column.tasks.values()] for column in columns]
    names = dict.fromkeys(name for each in receipts for receipt in each for name in receipt)
    return [
        {"parameter": name, "cells": [_outcomes(name, each) for each in receipts]}
        for name in sorted(names, key=lambda name: (name in VARYING, list(names).index(name)))
    ]


def _outcomes(name: str, receipts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    counts = Counter(
        (line["status"], None if name in VARYING else _change(line), line.get("reason"))
        for receipt in receipts
        if (line := receipt.get(name))
    )
    return [
        {"status": status, "text": text, "reason": reason, "count": count}
        for (status, text, reason), count in counts.most_common(4)
    ]


def _change(line: Mapping[str, Any]) -> str:
    requested, effective = line["requested"], line["effective"]
    if requested is None or requested == effective:
        return f"{effective}"
    return f"{requested} → {'none' if effective is None else effective}"


def _cards(prompts: pl.DataFrame, columns: Sequence[Column], thumbnails: Thumbnails) -> list[dict[str, Any]]:
    rows = [{row["request_id"]: row for row in c.artifacts.iter_rows(named=True)} for c in columns]
    return [
        {
            **request,
            "tiles": [
                _tile(column, found.get(request["request_id"]), thumbnails)
                for column, found in zip(columns, rows, strict=True)
            ],
        }
        for request in prompts.iter_rows(named=True)
    ]


def _tile(column: Column, row: Mapping[str, Any] | None, thumbnails: Thumbnails) -> dict[str, Any]:
    if row is None:
        return {"model": column.model, "image": None, "row": None, "receipt": {}}
    shown = row["status"] == "ok"
    return {
        "model": column.model,
        "image": thumbnails.uri(row["candidate_id"]) if shown else None,
        "row": row,
        "receipt": column.tasks[row["request_id"]].receipt,
    }
