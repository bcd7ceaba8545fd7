"""Dishes and pictures for report tests: a store in memory, drawn plates, flat stand-ins for words."""

import numpy as np

from plateful.errors import StoreError
from plateful.vision.image_io import encode_png

DISHES = {
    "CN": (
        "China",
        [
            ("牛肉面", "beef noodles", "noodle_soup"),
            ("宫保鸡丁", "kung pao chicken", "stir_fry"),
            ("扬州炒饭", "yangzhou fried rice", "fried_rice"),
            ("小笼包", "soup dumplings", "dumplings"),
            ("绿茶", "green tea", "tea"),
            ("麻婆豆腐 (微辣)", "mapo tofu, mild", "stir_fry"),
        ],
    ),
    "AE": (
        "United Arab Emirates",
        [
            ("شاورما دجاج", "chicken shawarma", "wrap"),
            ("كباب مشوي مع الأرز", "grilled kebab with rice", "skewers"),
            ("سلطة فتوش", "fattoush salad", "salad"),
            ("شوربة عدس", "lentil soup", "soup"),
        ],
    ),
    "DE": (
        "Germany",
        [
            ("Cheeseburger mit Speck", None, "burger"),
            ("Pizza Margherita", None, "pizza"),
            ("Pommes rot-weiß", "french fries with ketchup and mayonnaise", "fries"),
            ("Käseplatte", "cheese platter", "cheese_platter"),
        ],
    ),
    "TH": (
        "Thailand",
        [
            ("ผัดไทยกุ้งสด", "pad thai with fresh prawns", "stir_fried_noodles"),
            ("แกงเขียวหวาน", "green curry", "curry"),
            ("น้ำส้มคั้น", "fresh orange juice", "cold_drink"),
        ],
    ),
}


class Pictures:
    """An image store in memory, filled while the tables are made."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}

    def put(self, key: str, array: np.ndarray) -> str:
        self.content[key] = encode_png(array)
        return key

    def get(self, key: str) -> bytes:
        if key not in self.content:
            raise StoreError(f"image {key} is missing", fix="render it again")
        return self.content[key]


def drawing(archetype: str, seed: int, size: int = 128) -> np.ndarray:
    """A plate drawn by training.plates."""
    from training.plates import render, sample_plate

    return render(sample_plate(seed, archetype=archetype), size).image


def blank(archetype: str, seed: int, size: int = 128) -> np.ndarray:
    """A cheap picture for tests that look at words."""
    hue = np.random.default_rng([seed, len(archetype)]).integers(60, 220, 3)
    return np.full((size, size, 3), hue, np.uint8)
