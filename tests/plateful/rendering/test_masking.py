"""Masks of vendor photos: once per photo and method; a photo that cannot be masked stops no other."""

import cv2
import numpy as np
import polars as pl
import pytest

from plateful.errors import StoreError
from plateful.identity import sha256_hex
from plateful.rendering.masking import mask_photos
from plateful.stores.lake import Lake
from plateful.vision.image_io import encode_png
from plateful.vision.masks import DishMask, SaliencyDetector
from tests.plateful.vision.conftest import drawn


class Masking:
    """The default detector under a name; it counts, and breaks on one picture."""

    def __init__(self, name: str = "m1", breaks_on: np.ndarray | None = None) -> None:
        self.name, self.breaks_on, self.asked = name, breaks_on, 0

    def method(self) -> str:
        return self.name

    def find(self, array: np.ndarray) -> DishMask:
        self.asked += 1
        if self.breaks_on is not None and np.array_equal(array, self.breaks_on):
            raise cv2.error("no clusters")
        return SaliencyDetector().find(array)


def stored(lake: Lake, seed: int) -> str:
    png = encode_png(drawn(seed).image)
    lake.put_image(sha256_hex(png), png)
    return sha256_hex(png)


def wanted(*photos: str) -> pl.DataFrame:
    rows = [{"product_id": str(i), "photo_sha256": p, "route": "inpaint"} for i, p in enumerate(photos)]
    return pl.DataFrame(rows)


def test_equal_photos_are_masked_once_and_remembered_by_method(lake: Lake) -> None:
    first, second, masking = stored(lake, 900_000), stored(lake, 900_001), Masking()
    frame = mask_photos(wanted(first, second, first), lake, masking)
    assert frame["status"].to_list() == ["ok"] * 3
    assert frame["mask_sha256"][0] == frame["mask_sha256"][2] != frame["mask_sha256"][1]
    assert mask_photos(wanted(first, second, first), lake, masking, frame).equals(frame)
    assert masking.asked == 2
    other = Masking("m2")
    again = mask_photos(wanted(first, second, first), lake, other, frame)
    assert (set(again["method"]), other.asked) == ({"m2"}, 2)


def test_a_photo_that_cannot_be_masked_says_why_and_is_tried_again(lake: Lake) -> None:
    good, hard, broken = stored(lake, 900_000), stored(lake, 900_001), sha256_hex(b"GIF89a")
    lake.put_image(broken, b"GIF89a")
    frame = mask_photos(wanted(good, hard, broken), lake, Masking(breaks_on=drawn(900_001).image))
    assert frame["mask_sha256"].is_null().to_list() == [False, True, True]
    assert frame["status"].to_list()[:2] == ["ok", "failed: error: no clusters"]
    assert frame["status"][2].startswith("failed: ImageError: picture is not JPEG")
    again = mask_photos(wanted(good, hard, broken), lake, Masking(), frame)
    assert again["status"].to_list()[:2] == ["ok", "ok"]


def test_a_photo_that_is_not_in_the_lake_stops_the_run(lake: Lake) -> None:
    with pytest.raises(StoreError, match="not in the store"):
        mask_photos(wanted("0" * 64), lake, Masking())
