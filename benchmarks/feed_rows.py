"""A large, seeded, dirty Parquet feed, written in chunks: what `benchmarks.feed_size` reads.

Vendors of 40 products follow each other in no order of country, so no row group can be skipped. Shares of
what real feeds have: see the constants.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from plateful.countries import COUNTRIES

CHUNK = 250_000
PRODUCTS_PER_VENDOR = 40
HEADINGS, REPEATS, DECOMPOSED, LINE_BREAKS, PRICED, HIDDEN = 0.02, 0.01, 0.03, 0.02, 0.03, 0.001
NO_COUNTRY = 0.005
# Of the products: no photo, one of few placeholders, a file that is not there, a private address.
MISSING, PLACEHOLDER, DEAD, UNSAFE = 0.45, 0.05, 0.04, 0.002
ODD_COUNTRIES = ("", "XX", "Germany", "UK?")
DISHES = [
    "Margherita Pizza",
    "Pho Bo",
    "Käsespätzle",
    "鸡肉炒饭",
    "ข้าวผัดกุ้ง",
    "شاورما دجاج",
    "Crème Brûlée",
    "Lahmacun",
    "Nasi Lemak",
    "Борщ",
    "Chicken Tikka Masala",
    "とんこつラーメン",
    "비빔밥",
    "Σουβλάκι",
    "Feijoada",
    "Pão de Queijo",
    "Köfte",
    "Gỏi Cuốn",
    "Caesar Salad",
    "Tom Yum",
]
EXTRAS = [
    "egg",
    "prawn",
    "beef",
    "mushroom",
    "tofu",
    "chilli",
    "lime",
    "cheese",
    "basil",
    "corn",
    "spinach",
    "sesame",
]
WORDS = [
    "slowly roasted",
    "hand-cut",
    "house",
    "smoked",
    "pickled",
    "grilled",
    "crisp",
    "fresh",
    "local",
    "organic",
    "spicy",
    "mild",
    "sweet",
    "sour",
    "warm",
    "cold",
    "garlic",
    "ginger",
    "onion",
    "pepper",
    "tomato",
    "potato",
    "rice",
    "noodles",
    "bread",
    "salad",
    "soup",
    "sauce",
    "herbs",
    "seeds",
    "nuts",
    "cream",
    "butter",
    "olive oil",
    "soy",
    "vinegar",
    "honey",
    "lemon",
    "coconut",
    "peanut",
    "curry",
    "saffron",
    "parsley",
    "coriander",
    "mint",
    "dill",
    "oregano",
    "thyme",
]
PLACEHOLDERS = [f"https://static.example.com/no-photo-{n}.png" for n in range(3)]
HEADING_NAMES = ("--- DRINKS ---", "Desserts:", "Getränke", "★ Specials ★★")


def countries() -> list[str]:
    """Return the 70 countries of the feed."""
    return sorted(COUNTRIES)[:70]


def write_feed(path: Path, rows: int, seed: int = 7) -> None:
    """Write `rows` rows, zstd-compressed, one row group a chunk."""
    rng = np.random.default_rng(seed)
    writer: pq.ParquetWriter | None = None
    try:
        for chunk in _chunks(rows, rng):
            table = chunk.to_arrow(compat_level=pl.CompatLevel.oldest())
            writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
            writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()


def _chunks(rows: int, rng: np.random.Generator) -> Iterator[pl.DataFrame]:
    for start in range(0, rows, CHUNK):
        yield _chunk(start, min(CHUNK, rows - start), rng)


def _chunk(start: int, rows: int, rng: np.random.Generator) -> pl.DataFrame:
    def share(of: float) -> pl.Series:
        return pl.Series(rng.random(rows) < of)

    def one_of(values: tuple[str, ...] | list[str]) -> pl.Series:
        return pl.Series(
            np.array(values, dtype=object)[rng.integers(len(values), size=rows)], dtype=pl.String
        )

    number = pl.Series(np.arange(start, start + rows))
    vendor = number // PRODUCTS_PER_VENDOR
    served = np.array(countries(), dtype=object)
    vendors = rng.integers(len(served), size=vendor[-1] - vendor[0] + 1)
    country = pl.Series(served[vendors[(vendor - vendor[0]).to_numpy()]], dtype=pl.String)
    photo = pl.Series(rng.random(rows))
    edges = np.cumsum([MISSING, PLACEHOLDER, DEAD, UNSAFE])
    extra, other = one_of(EXTRAS), one_of(EXTRAS)
    heading = share(HEADINGS)
    frame = pl.DataFrame({"number": number, "vendor": vendor, "extra": extra, "other": other, "photo": photo})
    text = pl.format("{}-{}.jpg", "vendor", "number")
    plain = pl.format("{} with {} No. {}", one_of(DISHES).alias("dish"), "extra", pl.col("number") % 500)
    return frame.select(
        product_id=pl.format("p{}", pl.col("number") - share(REPEATS).cast(pl.Int64)),
        vendor_id=pl.format("v{}", "vendor"),
        country=pl.when(share(NO_COUNTRY))
        .then(one_of(ODD_COUNTRIES))
        .otherwise(pl.when(share(0.1)).then(country.str.to_lowercase()).otherwise(country)),
        name=pl.when(heading)
        .then(one_of(HEADING_NAMES))
        .when(share(DECOMPOSED))
        .then(plain.str.normalize("NFD"))
        .when(share(LINE_BREAKS))
        .then(plain.str.replace(" with ", "\r\nwith  "))
        .when(share(HIDDEN))
        .then(pl.concat_str(plain, pl.lit("\u202e")))
        .otherwise(plain),
        vendor_name=pl.format("Kitchen {}", pl.col("vendor") % 5_000),
        language=one_of(["en", "de", "zh+en", "ar"]),
        description=pl.when(heading)
        .then(pl.lit(""))
        .when(share(PRICED))
        .then(pl.format("{} and {}, only € 4,50", "extra", "other"))
        .when(share(0.1))
        .then(pl.format("6 pieces of {} with {}", "extra", "other"))
        .otherwise(
            pl.format(
                "{} {} with {}, {}, {} and {}",
                *(one_of(WORDS).alias(f"w{n}") for n in range(4)),
                "extra",
                "other",
            )
        ),
        category=one_of(["Mains", "Starters", "Sides", "Soups"]),
        cuisine=one_of(["thai", "german", "italian", ""]),
        ingredients=pl.when(heading)
        .then(pl.lit(""))
        .otherwise(pl.format("{} | {} | salt", "extra", "other")),
        dietary=one_of(["", "vegan", "halal | spicy"]),
        allergens=one_of(["", "gluten", "milk | nuts"]),
        price=pl.when(heading).then(pl.lit("")).otherwise(pl.format("{}.50", pl.col("number") % 90)),
        currency=one_of(["EUR", "SGD", "USD"]),
        image_url=pl.when(heading | (photo < edges[0]))
        .then(pl.lit(None, pl.String))
        .when(photo < edges[1])
        .then(one_of(PLACEHOLDERS))
        .when(photo < edges[2])
        .then(pl.concat_str(pl.lit("photos/"), text))
        .when(photo < edges[3])
        .then(pl.concat_str(pl.lit("http://10.0.0.1/"), text))
        .otherwise(pl.concat_str(pl.lit("https://cdn.example.com/menu/"), text)),
        image_consent=one_of(["", "none", "edit", "train"]),
        application=one_of(["", "menu-item"]),
        related_products=pl.lit(""),
        expected_text=pl.lit(None, pl.String),
        updated_at=pl.format("2026-11-{}T10:00:00+00:00", (pl.col("number") % 20 + 10)),
    )
