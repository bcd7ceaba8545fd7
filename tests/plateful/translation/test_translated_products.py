"""translated_products keeps every row and its original texts."""

import polars as pl

from plateful.tables import PRODUCTS_WITHOUT_IMAGES, TRANSLATED_PRODUCTS
from plateful.translation import translate


def product(**change: object) -> dict:
    row: dict = dict.fromkeys(PRODUCTS_WITHOUT_IMAGES.columns)
    lists = [n for n, (dtype, _) in PRODUCTS_WITHOUT_IMAGES.columns.items() if dtype == pl.List(pl.String)]
    return (
        row
        | {n: [] for n in lists}
        | {"product_id": "1", "country": "CN", "name": "牛肉面", "language": "zh-Hans"}
        | change
    )


def test_rows_and_originals_stay() -> None:
    given = PRODUCTS_WITHOUT_IMAGES.frame(
        [
            product(ingredients=["牛肉 200克", "香菜", "不知道的东西"], description="牛肉，面条"),
            product(
                product_id="2",
                country="GB",
                name="Sirloin Steak",
                language="en-GB",
                description="With peas.",
                ingredients=["200 g peas"],
            ),
            product(product_id="3", country="TH", name="ผัดไทย", language=""),
        ]
    )
    found = translate(given)
    assert found.schema == TRANSLATED_PRODUCTS.schema
    assert found.select(given.columns).equals(given)
    assert found["name_en"].to_list() == ["beef noodle soup", "sirloin steak", "pad thai"]
    assert found["translation"].to_list() == ["glossary", "none", "glossary"]
    assert found["ingredients_en"].to_list() == [["beef", "coriander"], ["peas"], []]
    assert found["description_en"].to_list() == ["beef noodles", "With peas.", None]


def test_no_rows() -> None:
    assert translate(PRODUCTS_WITHOUT_IMAGES.empty()).equals(TRANSLATED_PRODUCTS.empty())
