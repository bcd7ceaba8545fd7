"""Saliency finds the dish of plates whose truth is known."""

import cv2
import numpy as np

from plateful.vision.saliency import find_subject


def test_boxes_are_where_the_dish_is(clean: list) -> None:
    errors = []
    for plate in clean:
        subject = find_subject(plate.image)
        assert subject is not None
        errors.append(max(abs(a - b) for a, b in zip(subject.box, plate.box, strict=True)))
    assert np.median(errors) < 0.04


def test_nothing_to_find() -> None:
    flat = np.full((200, 160, 3), 180, np.uint8)
    assert find_subject(flat) is None


def test_food_that_fills_the_frame_is_all_subject() -> None:
    grains = np.random.default_rng(0).integers(150, 214, (64, 64, 3), dtype=np.uint8)
    rice = cv2.resize(grains, (256, 256), interpolation=cv2.INTER_NEAREST)
    subject = find_subject(rice)
    assert subject is not None
    assert subject.box == (0.0, 0.0, 1.0, 1.0)
