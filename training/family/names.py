"""Real dish names: does a picture rendered for a menu's name show the dish that the name means."""

from pathlib import Path

import numpy as np
import polars as pl

from plateful.products.feed import Feed
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
    """Accuracy on distinct names that dishes.yaml maps to an archetype, and the share of names it maps."""
    rows = named_dishes(feeds)
    mapped = rows.filter(pl.col("archetype").is_not_null()).head(MOST)
    images = render(family, session.recipe, mapped["prompt"].to_list())
    seen = examine(session, images).archetypes
    hits = np.array([a == b for a, b in zip(seen, mapped["archetype"], strict=True)])
    return {
        "feed_name_accuracy": share(hits),
        "feed_name_mapped": share(rows["archetype"].is_not_null().to_numpy()),
    }


def named_dishes(feeds: Path) -> pl.DataFrame:
    """Columns name_en, prompt, archetype (null: no dish is known), one row per English name, shuffled."""
    feed = Feed(str(feeds))
    parts = []
    for country in feed.countries():
        translated = translate(feed.read(country).products)
        asked = write_prompts(translated).select(pl.col("subject").alias("product_id"), "prompt")
        parts.append(translated.select("product_id", "name_en").join(asked, on="product_id"))
    rows = pl.concat(parts).unique("name_en", keep="first", maintain_order=True)
    kinds = [match.dish.key if (match := find_dish(name)) else None for name in rows["name_en"]]
    return rows.with_columns(archetype=pl.Series(kinds, dtype=pl.String)).sample(
        fraction=1.0, shuffle=True, seed=1
    )
