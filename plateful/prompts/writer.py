"""prompts: one render request per product that needs an image, or per group that it leads.

The record decides what the picture shows (scene, contract, rubric), a template how it looks, and the writer
of the profile words it. A request without a prompt keeps its row with the reason and ends as quarantined.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import polars as pl

from plateful.errors import ConfigError
from plateful.identity import canonical_json, request_id
from plateful.prompts.contract import contract_lines, missing_products, promises, sayings
from plateful.prompts.groups import Group, group_of, record_of, subject_of
from plateful.prompts.layout import filled_layout
from plateful.prompts.scene import Row, scene_of
from plateful.prompts.templates import Template, load_templates
from plateful.prompts.writers import Brief, GrammarWriter, PromptRefusedError, PromptWriter
from plateful.tables import PROMPTS
from plateful.teams import DEFAULT_TEAM

STAGE = "prompt"
# Prompt, who worded it, and why the desk's writer did not; the first is null where nobody did.
Worded = tuple[str | None, str, str | None]


def _no_note(*_: str) -> None:
    """Take no note."""


@dataclass(frozen=True)
class Desk:
    """Who writes, for which team, and what becomes of refusals.

    `failed` is request id -> `<stage>: <reason>` of requests that have failed, `given_up` of those that did
    so too often: nobody is asked for them again. `or_grammar` lets the template grammar word what the writer
    refuses. `note_failure` takes (request id, stage, reason) and `note_success` (request id, stage), as soon
    as each is known.
    """

    writer: PromptWriter = GrammarWriter()  # noqa: RUF009 - it has no state
    templates: Mapping[str, Template] | None = None
    team: str = DEFAULT_TEAM
    or_grammar: bool = False
    failed: Mapping[str, str] = field(default_factory=dict)
    given_up: Mapping[str, str] = field(default_factory=dict)
    note_failure: Callable[[str, str, str], Any] = _no_note
    note_success: Callable[[str, str], Any] = _no_note


@dataclass(frozen=True)
class _Order:
    """One request before its prompt is worded."""

    brief: Brief
    group: Group
    layout: Mapping[str, Mapping[str, Any]]


def write_prompts(
    translated: pl.DataFrame, companions: pl.DataFrame | None = None, desk: Desk | None = None
) -> pl.DataFrame:
    """Write one request per product.

    Args:
        translated: TRANSLATED_PRODUCTS frame.
        companions: TRANSLATED_PRODUCTS rows of further products that groups may show.
        desk: who writes; the grammar with the shipped templates by default.

    Returns:
        PROMPTS frame, in order. Rows without a prompt have their reason in `refused`.

    Raises:
        ConfigError: a product's application has no template.
        EndpointError: the writer's endpoint does not answer; what it answered so far is kept by the writer.
    """
    at = desk or Desk()
    rows = {row["product_id"]: row for row in translated.iter_rows(named=True)}
    known = rows | {row["product_id"]: row for row in _rows(companions)}
    templates = at.templates or load_templates()
    orders = [_order(row, known, _template(row["application"], templates)) for row in rows.values()]
    with ThreadPoolExecutor(max_workers=at.writer.parallel) as pool:
        worded = pool.map(_until_one_fails(lambda order: _worded(order.brief, at)), orders)
        told = zip(orders, _noted(orders, worded, at), strict=True)
        return PROMPTS.frame([_request(order, at, *outcome) for order, outcome in told])


def _until_one_fails(work: Callable[[_Order], Worded]) -> Callable[[_Order], Worded]:
    """Start no further order once one has failed: the endpoint is down for the next one too."""
    failed = Event()

    def tried(order: _Order) -> Worded:
        if failed.is_set():
            raise CancelledError
        try:
            return work(order)
        except Exception:
            failed.set()
            raise

    return tried


def _rows(frame: pl.DataFrame | None) -> Iterator[Row]:
    return iter(()) if frame is None else frame.iter_rows(named=True)


def _template(application: str, templates: Mapping[str, Template]) -> Template:
    if application not in templates:
        raise ConfigError(
            f"application {application!r} has no prompt template",
            fix=f"use one of {', '.join(sorted(templates))}",
        )
    return templates[application]


def _order(row: Row, known: Mapping[str, Row], template: Template) -> _Order:
    related = row["related_products"] if template.composes else []
    group = group_of(row["product_id"], related, known)
    products = [known[product] for product in group.members]
    record = record_of(group.members, {product: known[product]["record_hash"] for product in group.members})
    scene, layout = scene_of(products, template), filled_layout(template.layout, row)
    brief = Brief(
        request_id=request_id(row["country"], subject_of(group.members), row["application"], record or ""),
        template=template,
        scene=scene,
        products=products,
        lines=contract_lines(scene, layout),
        record_hash=record or "",
    )
    return _Order(brief, group, layout)


def _worded(brief: Brief, desk: Desk) -> Worded:
    """Return the prompt of the desk's writer, else what becomes of its refusal."""
    reason = _reason(desk.given_up, brief.request_id)
    if reason is None:
        try:
            return desk.writer.write(brief), desk.writer.name, None
        except PromptRefusedError as refusal:
            reason = refusal.reason
    if not desk.or_grammar:
        return None, desk.writer.name, reason
    return GrammarWriter().write(brief), GrammarWriter.name, reason


def _noted(orders: list[_Order], worded: Iterator[Worded], desk: Desk) -> Iterator[Worded]:
    """Pass outcomes on and note each, so that a run killed in between has counted what it paid for."""
    for order, (prompt, writer, refused) in zip(orders, worded, strict=True):
        request = order.brief.request_id
        if refused is None:
            if _reason(desk.failed, request):
                desk.note_success(request, STAGE)
        elif _reason(desk.given_up, request) is None:
            desk.note_failure(request, STAGE, refused)
        yield prompt, writer, refused


def _reason(failures: Mapping[str, str], request: str) -> str | None:
    stage, _, reason = failures.get(request, "").partition(": ")
    return reason if stage == STAGE else None


def _request(
    order: _Order, desk: Desk, prompt: str | None, writer: str, refused: str | None
) -> dict[str, Any]:
    brief, group, lead = order.brief, order.group, order.brief.products[0]
    # A group is composed from text: the lead's photo shows the lead alone.
    route = "text_to_image" if brief.scene.is_group else lead["route"]
    strength = {"strength": brief.template.strength} if route == "inpaint" else {}
    return {
        "request_id": brief.request_id,
        "country": lead["country"],
        "subject": subject_of(group.members),
        "product_ids": list(group.members),
        "application": lead["application"],
        "team": desk.team,
        "template": brief.template.name,
        "writer": writer,
        "refused": refused,
        "prompt": prompt,
        "negative_prompt": brief.template.negative,
        "parameters": canonical_json(brief.template.parameters | strength),
        "contract": canonical_json(_contract(order)),
        "rubric": canonical_json(list(brief.lines)),
        "expected_text": lead["expected_text"],
        "layout": canonical_json(order.layout) if order.layout else None,
        "route": route,
        "photo_sha256": None if brief.scene.is_group else lead["photo_sha256"],
        "record_hash": brief.record_hash,
    }


def _contract(order: _Order) -> list[dict[str, Any]]:
    brief, group, lead = order.brief, order.group, order.brief.products[0]
    return [
        *promises(brief.lines),
        *missing_products(group.unknown, lead["product_id"], "shows_related_product"),
        *missing_products(group.left_out, lead["product_id"], "shows_every_related_product"),
        *sayings(lead["expected_text"], order.layout, lead["product_id"]),
    ]
