"""Real dish names: does a picture rendered for a menu's name show the dish that the name means."""

from pathlib import Path

import numpy as np
import polars as pl

from plateful.products.feed import Feed
from plateful.products.selection import without_images
from plateful.prompts.templates import load_templates
from plateful.prompts.vocabulary import find_dish
from plateful.prompts.writer import write_prompts
from plateful.translation import translate
from training.family.examiner import examine
from training.family.figures import Figure, share
from training.family.measures import Family, render
from training.family.session import Session

# As many renders as the exam has questions would take as long again.
MOST = 240


def recognised(session: Session, family: Family, feeds: Path) -> dict[str, Figure]:
    """Accuracy on distinct names that dishes.yaml maps to an archetype, and the share of names it maps.

    `feed_name_accuracy` renders the main job's whole prompt, which words the dish as the archetype is worded;
    `feed_bare_name_accuracy` renders the menu's English name and nothing else.
    """
    rows = named_dishes(feeds)
    mapped = rows.filter(pl.col("archetype").is_not_null()).head(MOST)
    hits = {}
    for column in ("prompt", "name_en"):
        seen = examine(session, render(family, session.recipe, mapped[column].to_list())).archetypes
        hits[column] = np.array([a == b for a, b in zip(seen, mapped["archetype"], strict=True)])
    return {
        "feed_name_accuracy": share(hits["prompt"]),
        "feed_bare_name_accuracy": share(hits["name_en"]),
        "feed_name_mapped": share(rows["archetype"].is_not_null().to_numpy()),
    }


def named_dishes(feeds: Path) -> pl.DataFrame:
    """Columns name_en, prompt, archetype (null: no dish is known), one row per English name, shuffled.

    Every product counts as one without a photo; the archetype is the one that its prompt asks for.
    """
    feed = Feed(str(feeds))
    parts = []
    for country in feed.countries():
        products = feed.read(country).products.with_columns(
            image_status=pl.lit("missing"),
            image_reasons=pl.lit([], dtype=pl.List(pl.String)),
            photo_sha256=pl.lit(None, dtype=pl.String),
        )
        translated = translate(without_images(products))
        asked = write_prompts(translated).select(pl.col("subject").alias("product_id"), "prompt")
        parts.append(translated.select("product_id", "name_en", "application").join(asked, on="product_id"))
    rows = pl.concat(parts).unique("name_en", keep="first", maintain_order=True)
    kinds = [_asked_for(row) for row in rows.iter_rows(named=True)]
    return rows.with_columns(archetype=pl.Series(kinds, dtype=pl.String)).sample(
        fraction=1.0, shuffle=True, seed=1
    )


def _asked_for(row: dict) -> str | None:
    """The dish that the application's template names whatever the product, or else the name's own."""
    fixed = load_templates()[row["application"]].dish
    if fixed:
        return fixed
    match = find_dish(row["name_en"])
    return match.dish.key if match else None
