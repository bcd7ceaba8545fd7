"""The HTML contact sheet: one self-contained page that shows a content manager what was made and why.

Pictures are inline; the page asks for nothing over the network, and its content security policy lets nothing
run or load but its own style and script, named by their hashes. All text is escaped: menu words are data.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from typing import Any

import polars as pl

from plateful.models.versions import ModelVersion
from plateful.reporting.cards import (
    CountryTables,
    cards,
    image_keys,
    rank,
    reason_counts,
    reject_counts,
)
from plateful.reporting.hosted_request import hosted_request
from plateful.reporting.page import render_page, write_page
from plateful.reporting.summary import OUTCOMES
from plateful.reporting.thumbnails import ReadImage, Thumbnails

# Base64 bytes of all pictures together: with about 5 kB of text a card, 250 cards stay below 8 MB.
IMAGE_BUDGET = 5_500_000
CARDS_PER_COUNTRY = 400
REJECTS_SHOWN = 200
# Repainted photos at the top; each is also on its product's card.
STRIPS_SHOWN = 12
WORDS = {
    "published": "Published",
    "pending_review": "Waiting for review",
    "rejected": "Rejected",
    "quarantined": "Quarantined",
    "accepted": "Passed, not chosen",
}
GATES = {"safety": "Safety", "quality": "Quality", "fidelity": "Fidelity", "rank": "Rank", "render": "Render"}


def write_report(
    path: Path,
    summary: Mapping[str, Any],
    countries: Sequence[CountryTables],
    *,
    read_image: ReadImage,
    generated_at: datetime,
    feed_rejects: pl.DataFrame | None = None,
    hosted: ModelVersion | None = None,
    cards_per_country: int = CARDS_PER_COUNTRY,
    image_budget: int = IMAGE_BUDGET,
) -> Path:
    """Write the report of a run to `path`, atomically; return `path`.

    Args:
        path: HTML file.
        summary: the structure of `plateful.reporting.summary.summary_json`.
        countries: one per country of the summary, with all of `cards.REPORT_TABLES`.
        read_image: lake image key -> bytes.
        generated_at: aware time shown in the header.
        feed_rejects: REJECTS of rows that no country owns.
        hosted: hosted model that one request of the run is translated for, to show what it would become
            there; nothing is sent.
        cards_per_country: cards shown per country, those that need attention first; the rest is counted.
        image_budget: bytes that all inline pictures may take; thumbnails shrink to fit.

    Raises:
        StoreError: a table or picture is missing.
    """
    # As many pictures at most as cards times what they show; a larger country is cut, so its keys are scaled.
    keys = [key for tables in countries for key in image_keys(tables)[: cards_per_country * 4]]
    thumbnails = Thumbnails.within(image_budget, keys, read_image)
    sections = [_section(tables, summary, read_image, thumbnails, cards_per_country) for tables in countries]
    shown = [
        (tables, card)
        for tables, section in zip(countries, sections, strict=True)
        for card in section["cards"]
    ]
    filters = {
        "label": reason_label,
        "gate": reason_gate,
        "word": lambda status: WORDS[status],
        "share": share_text,
    }
    repainted = [(rank(card.after), card) for _, card in shown if card.after]
    html = render_page(
        "report.html.j2",
        filters,
        styles=("report.css",),
        scripts=("report.js", "zoom.js"),
        summary=summary,
        countries=sections,
        strips=STRIPS_SHOWN,
        repainted=[card for _, card in sorted(repainted, key=itemgetter(0))],
        hosted=hosted_request(shown, hosted) if hosted else None,
        feed_rejects=_rejects(feed_rejects) if feed_rejects is not None and feed_rejects.height else None,
        histogram=_histogram(sum((reason_counts(tables) for tables in countries), start=Counter())),
        statuses=OUTCOMES,
        generated_at=generated_at,
    )
    return write_page(path, html)


def reason_label(reason: str) -> str:
    """Say a named reason in words: `quality:blur` -> `Quality: blur`."""
    gate, _, name = reason.partition(":")
    if not name:
        return reason.replace("_", " ").capitalize()
    return f"{GATES.get(gate, gate)}: {name.replace('_', ' ')}"


def reason_gate(reason: str) -> str:
    """Return the gate that a reason names, for its colour; `other` when it names none of ours."""
    gate, _, name = reason.partition(":")
    return gate if name and gate in GATES else "other"


def share_text(share: float) -> str:
    """Say a share in percent, never as all or none of it when it is not: 0.9996 -> `99.9 %`."""
    percent = share * 100
    return f"{percent:.0f} %" if percent in (0, 100) else f"{min(max(percent, 0.1), 99.9):.1f} %"


def _section(
    tables: CountryTables,
    summary: Mapping[str, Any],
    read_image: ReadImage,
    thumbnails: Thumbnails,
    limit: int,
) -> dict[str, Any]:
    shown = cards(tables, read_image, thumbnails, limit)
    return {
        "code": tables.country,
        "name": tables.name,
        "counts": summary["countries"][tables.country],
        "cards": shown,
        "left_out": tables.tables["prompts"].height - len(shown),
        "rejects": _rejects(tables.tables["rejects"]),
        "retired": tables.tables["published_images"].filter(pl.col("status") == "retired").rows(named=True),
    }


def _rejects(rejects: pl.DataFrame) -> dict[str, Any]:
    rows = rejects.sort("reason", "file", "row").head(REJECTS_SHOWN).rows(named=True)
    return {
        "rows": rows,
        "left_out": rejects.height - len(rows),
        "histogram": _histogram(reject_counts(rejects)),
    }


def _histogram(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return bars, longest first, with their share of the longest."""
    longest = max(counts.values(), default=1)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [{"reason": reason, "count": n, "share": n / longest} for reason, n in ordered]
