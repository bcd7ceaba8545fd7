"""Samples to compare models on: part of a frozen eval set, of a country's feed, or a file of prompts.

| sample | items |
|---|---|
| `plates_v1:20` | eval items, one per stratum in turn |
| `feed:SG:20` | products of a country, one per category in turn, as if none had a photo |
| `prompts.yaml`, `prompts.csv` | one per entry or row: `prompt` and, where wanted, other columns of FIELDS |

Every item is a render request (PROMPTS) with a subject of its own, so all models get equal prompts and seeds.
"""

import csv
import io
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import polars as pl
import yaml

from plateful.errors import ConfigError
from plateful.evaluation.images import eval_prompts
from plateful.evaluation.items import EvalSet
from plateful.identity import content_hash
from plateful.models.request import image_request
from plateful.products.feed import ProductFeed
from plateful.products.selection import without_images
from plateful.prompts.writer import write_prompts
from plateful.rendering.requests import request_row
from plateful.tables import PRODUCTS, PROMPTS
from plateful.translation import translate

DEFAULT_ITEMS, MOST_ITEMS = 20, 1000
MOST_BYTES = 1_000_000
PARTITION = "sample"
FIELDS = (
    "id", "prompt", "negative_prompt", "style", "size", "steps", "cfg_scale", "seed", "application",
    "expected_text",
)  # fmt: skip
Item = TypeVar("Item")


@dataclass(frozen=True)
class Sample:
    """Render requests to put to every model, in order; `name` as asked for."""

    name: str
    prompts: pl.DataFrame

    @property
    def digest(self) -> str:
        """Hash over the requests: equal samples, whatever their name, share it."""
        return content_hash(self.prompts.rows())


def load_sample(spec: str, *, feed: Callable[[], ProductFeed], eval_set: Callable[[str], EvalSet]) -> Sample:
    """Return the sample that a name stands for.

    Args:
        spec: see the table above; the count may be left out.
        feed: opens the feed, when the sample is one of its countries.
        eval_set: loads a frozen set by name.

    Raises:
        ConfigError: no such sample, or a malformed entry; names it.
        FeedError: the feed cannot be read.
    """
    if Path(spec).suffix.lower() in (".yaml", ".yml", ".csv"):
        return Sample(spec, _from_file(Path(spec)))
    name, _, rest = spec.partition(":")
    if name == "feed":
        country, _, text = rest.partition(":")
        count = _count(spec, text)
        return Sample(spec, _from_feed(feed(), country.strip().upper(), count))
    items = eval_set(name).items
    chosen = in_turn(items, [item.stratum for item in items], _count(spec, rest))
    return Sample(spec, eval_prompts(chosen))


def in_turn(items: Sequence[Item], strata: Sequence[Hashable], count: int) -> list[Item]:
    """Return `count` items, one stratum after the other, round after round; all when there are fewer.

    Round r takes the (r + s)-th item of stratum s, so that what varies inside strata varies in a short
    sample, too.
    """
    grouped: dict[Hashable, list[Item]] = {}
    for item, stratum in zip(items, strata, strict=True):
        grouped.setdefault(stratum, []).append(item)
    longest = max(map(len, grouped.values()), default=0)
    turns = [
        group[(turn + number) % len(group)]
        for turn in range(longest)
        for number, group in enumerate(grouped.values())
        if turn < len(group)
    ]
    return turns[:count]


def _count(spec: str, text: str) -> int:
    if not text:
        return DEFAULT_ITEMS
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MOST_ITEMS:
        raise ConfigError(
            f"sample {spec!r}: {text!r} is no count between 1 and {MOST_ITEMS}",
            fix="write plates_v1:20, feed:SG:20, or the path of a .yaml or .csv file of prompts",
        )
    return int(text)


def _from_feed(feed: ProductFeed, country: str, count: int) -> pl.DataFrame:
    products = feed.read(country).products
    if products.is_empty():
        raise ConfigError(
            f"feed {feed.path!r} has no product of {country}", fix="name another country of the feed"
        )
    bare = PRODUCTS.frame(
        products.with_columns(
            image_status=pl.lit("missing"),
            image_reasons=pl.lit([], dtype=PRODUCTS.schema["image_reasons"]),
            photo_sha256=pl.lit(None, dtype=pl.String),
        )
    )
    strata = list(bare.select("application", "category").iter_rows())
    numbers = in_turn(range(bare.height), strata, count)
    return write_prompts(translate(without_images(bare[numbers])))


def _from_file(path: Path) -> pl.DataFrame:
    entries = _entries(path)
    if not 1 <= len(entries) <= MOST_ITEMS:
        raise ConfigError(f"sample {path} has {len(entries)} prompts", fix=f"give 1 to {MOST_ITEMS}")
    rows = [_row(path, number, entry) for number, entry in enumerate(entries, start=1)]
    for column in ("subject", "picture"):
        seen: dict[str, int] = {}
        for number, row in enumerate(rows, start=1):
            key = row["subject"] if column == "subject" else f"{row['prompt']}\x1f{row['parameters']}"
            if key in seen and (column == "subject" or '"seed"' in row["parameters"]):
                raise ConfigError(
                    f"sample {path}: entries {seen[key]} and {number} ask for the same {column}",
                    fix="give each its own id, and its own seed if any",
                )
            seen[key] = number
    return PROMPTS.frame(rows)


def _entries(path: Path) -> list[Any]:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise ConfigError(f"sample {path} is over {MOST_BYTES:,} bytes", fix="give fewer prompts")
        text = content.decode("utf-8-sig")
        if path.suffix.lower() == ".csv":
            return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
        entries = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, csv.Error, yaml.YAMLError) as error:
        reason = error.strerror if isinstance(error, OSError) else " ".join(str(error).split())
        raise ConfigError(
            f"sample {path} cannot be read: {reason}", fix="give a UTF-8 file of prompts, .yaml or .csv"
        ) from error
    if not isinstance(entries, list):
        raise ConfigError(f"sample {path} is no list", fix="write one prompt, or mapping with `prompt`, each")
    return entries


def _row(path: Path, number: int, entry: Any) -> dict[str, Any]:  # noqa: ANN401 - what the file holds
    fields = {"prompt": entry} if isinstance(entry, str) else entry
    unknown = set(fields) - set(FIELDS) if isinstance(fields, dict) else {type(entry).__name__}
    if unknown:
        raise ConfigError(
            f"sample {path}, entry {number}: {sorted(map(str, unknown))[0]!r} is unknown",
            fix=f"use {', '.join(FIELDS)}",
        )
    given = {name: value for name, value in fields.items() if value not in (None, "")}
    subject, expected = (given.pop(name, None) for name in ("id", "expected_text"))
    try:
        asked = image_request(**{"model": "any", "prompt": "", **given}).asked()
    except ConfigError as error:
        raise ConfigError(f"sample {path}, entry {number}: {error.message}", fix=error.fix) from None
    own = ("model", "prompt", "negative_prompt", "application", "team", "n")
    return request_row(
        PARTITION,
        str(subject or number),
        content_hash(asked["prompt"]),
        prompt=asked["prompt"],
        negative_prompt=asked.get("negative_prompt", ""),
        parameters={name: value for name, value in asked.items() if name not in own},
        application=asked.get("application"),
        expected_text=None if expected is None else str(expected),
    )
