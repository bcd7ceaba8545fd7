"""Masks find the dish of plates whose truth is known; the bar is measured by `python -m benchmarks.masks`."""

from collections import defaultdict

import cv2
import numpy as np
import pytest

from benchmarks.masks import dish, overlap
from plateful.vision.masks import SaliencyDetector, inside_box
from training.plates import BACKGROUNDS, render, sample_plate

FLAT = np.full((200, 160, 3), 180, np.uint8)


@pytest.fixture(scope="module")
def detector() -> SaliencyDetector:
    return SaliencyDetector()


def test_masks_cover_the_dish_on_every_background(detector: SaliencyDetector) -> None:
    found = defaultdict(list)
    for place, background in enumerate(BACKGROUNDS * 4):
        plate = render(sample_plate(1_900_000 + place, background=background))
        found[background].append(overlap(detector.find(plate.image).mask, dish(plate)))
    assert min(np.mean(scores) for scores in found.values()) >= 0.80
    assert np.mean([score for scores in found.values() for score in scores]) >= 0.88


def test_masks_are_hard_and_of_the_photos_size(detector: SaliencyDetector, clean: list) -> None:
    photo = cv2.resize(clean[0].image, (640, 480), interpolation=cv2.INTER_CUBIC)
    found = detector.find(photo)
    assert found.mask is not None
    assert found.mask.shape == (480, 640)
    assert set(np.unique(found.mask)) == {0, 255}
    assert abs(found.area - (found.mask > 0).mean()) < 0.02
    again = detector.find(photo)
    assert (found.mask == again.mask).all()


def test_a_white_dish_on_a_white_table_is_found_by_its_rim(detector: SaliencyDetector) -> None:
    table = np.full((200, 240, 3), 236, np.uint8)
    cv2.ellipse(table, ((120, 100), (170, 120), 0), (244, 244, 244), -1)
    cv2.ellipse(table, ((120, 100), (170, 120), 0), (212, 212, 212), 3)
    cv2.ellipse(table, ((125, 98), (60, 40), 0), (150, 60, 30), -1)
    truth = cv2.ellipse(np.zeros((200, 240), np.uint8), ((120, 100), (172, 122), 0), 1, -1) > 0
    assert overlap(detector.find(table).mask, truth) > 0.85


@pytest.mark.parametrize(
    ("picture", "status"),
    [
        (FLAT, "no_dish_found"),
        (FLAT[:20, :], "too_small"),
        (np.random.default_rng(0).integers(150, 214, (64, 64, 3), dtype=np.uint8), "no_edge_found"),
    ],
)
def test_what_has_no_mask_says_why(detector: SaliencyDetector, picture: np.ndarray, status: str) -> None:
    large = cv2.resize(picture, None, fx=4, fy=4, interpolation=cv2.INTER_NEAREST)
    found = detector.find(picture if status == "too_small" else large)
    assert (found.mask, found.status) == (None, status)


def test_a_box_becomes_the_dish_inside_it(clean: list) -> None:
    scores = [overlap(inside_box(plate.image, plate.box), dish(plate)) for plate in clean[:8]]
    assert np.mean(scores) > 0.8
