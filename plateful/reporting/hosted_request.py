"""What a request of a run would become at a hosted model: rendering's own translation, sent nowhere."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from plateful.models.listing import price_text
from plateful.models.versions import ModelVersion
from plateful.rendering.plan import plan_tasks
from plateful.reporting.cards import Card, CountryTables, Tile, rank
from plateful.tables import PROMPTS

# Requests name them by digests, which tell a reader nothing.
PICTURES = {"init_image": "the vendor photo", "mask": "the mask", "reference_image": "the reference picture"}
# In the order of a count: from kept to lost.
STATUSES = ("honoured", "clamped", "emulated", "dropped", "default", "recorded")


@dataclass(frozen=True)
class Given:
    """What one model is given for a parameter: the value, None when nothing, and what that makes of it."""

    value: str | None
    status: str
    reason: str | None


@dataclass(frozen=True)
class Line:
    """One parameter: what was asked, what rendered it was given, and what the hosted model would be."""

    parameter: str
    asked: str | None
    rendered: Given | None
    hosted: Given | None


@dataclass(frozen=True)
class HostedRequest:
    """One request of the run, translated for a hosted model.

    added: the end of the hosted model's prompt that says what it has no parameters for; empty when none.
    counts: status -> parameters of it at the hosted model.
    """

    model: str
    provider: str
    price: str
    rendered_by: str
    card: Card
    country: str
    lines: tuple[Line, ...]
    prompt: str
    added: str
    counts: Mapping[str, int]


def hosted_request(
    shown: Sequence[tuple[CountryTables, Card]], version: ModelVersion
) -> HostedRequest | None:
    """Translate the request that shows most: a repainted photo before a text prompt, live before others.

    Args:
        shown: cards of the report with their country's tables, in its order.
        version: hosted model.

    Returns:
        The same for the same tables; None when no request was rendered.
    """
    rendered = [(tables, card, tile) for tables, card in shown if (tile := _tile(card))]
    if not rendered:
        return None
    return _translated(*min(rendered, key=lambda one: _interest(one[2])), version)


def _interest(tile: Tile) -> tuple[bool, bool, int]:
    return tile.untouched is None, tile.verdict != "published", rank(tile)


def _tile(card: Card) -> Tile | None:
    return card.after or next((tile for tile in card.tiles if tile.image), None)


def _translated(tables: CountryTables, card: Card, tile: Tile, version: ModelVersion) -> HostedRequest:
    # Of the same attempt, so that both are asked for the same seed.
    task = plan_tasks(
        PROMPTS.frame([card.prompt]),
        tables.tables["inpainting_masks"],
        version,
        candidates_per_request=tile.attempt,
    )[-1]
    asked = task.receipt["prompt"]["requested"]
    statuses = Counter(line["status"] for line in task.receipt.values())
    return HostedRequest(
        model=version.model,
        provider=version.entry.provider,
        price=price_text(version.entry.price),
        rendered_by=tile.model,
        card=card,
        country=tables.name,
        lines=tuple(
            Line(
                name, _text(name, line["requested"]), _given(name, tile.receipt.get(name)), _given(name, line)
            )
            for name, line in task.receipt.items()
        ),
        prompt=asked,
        added=task.prompt.removeprefix(asked),
        counts={status: count for status in STATUSES if (count := statuses[status])},
    )


def _given(name: str, line: Mapping[str, Any] | None) -> Given | None:
    return Given(_text(name, line["effective"]), line["status"], line.get("reason")) if line else None


def _text(name: str, value: Any) -> str | None:  # noqa: ANN401 - any JSON value
    if value is None or name not in PICTURES:
        return None if value is None else f"{value}"
    return f"{PICTURES[name]}, {value[:12]}"
