"""Saliency and masks find the dish of plates whose truth is known."""

import cv2
import numpy as np

from plateful.vision.masks import dish_mask
from plateful.vision.saliency import find_subject


def overlap(found: np.ndarray, truth: np.ndarray) -> float:
    found = found > 0
    return float((found & truth).sum() / (found | truth).sum())


def test_boxes_are_where_the_dish_is(clean: list) -> None:
    errors = []
    for plate in clean:
        subject = find_subject(plate.image)
        assert subject is not None
        errors.append(max(abs(a - b) for a, b in zip(subject.box, plate.box, strict=True)))
    assert np.median(errors) < 0.04


def test_masks_cover_the_dish(clean: list) -> None:
    masks = [dish_mask(plate.image) for plate in clean]
    assert {mask.status for mask in masks} == {"ok"}
    scores = [overlap(m.mask, p.food_mask | p.vessel_mask) for m, p in zip(masks, clean, strict=True)]
    assert np.median(scores) > 0.9
    assert np.mean(np.array(scores) > 0.5) > 0.7


def test_masks_are_hard_and_of_the_photos_size(clean: list) -> None:
    photo = cv2.resize(clean[0].image, (640, 480), interpolation=cv2.INTER_CUBIC)
    found = dish_mask(photo)
    assert found.mask is not None
    assert found.mask.shape == (480, 640)
    assert set(np.unique(found.mask)) == {0, 255}
    assert abs(found.area - (found.mask > 0).mean()) < 0.02
    again = dish_mask(photo)
    assert (found.mask == again.mask).all()


def test_nothing_to_find() -> None:
    flat = np.full((200, 160, 3), 180, np.uint8)
    assert find_subject(flat) is None
    assert dish_mask(flat).status == "no_dish_found"
    assert dish_mask(flat).mask is None


def test_food_that_fills_the_frame_is_all_subject() -> None:
    grains = np.random.default_rng(0).integers(150, 214, (64, 64, 3), dtype=np.uint8)
    rice = cv2.resize(grains, (256, 256), interpolation=cv2.INTER_NEAREST)
    subject = find_subject(rice)
    assert subject is not None
    assert subject.box == (0.0, 0.0, 1.0, 1.0)
    assert dish_mask(rice).status == "covers_everything"
