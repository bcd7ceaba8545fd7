"""Measures move the way their names say, and do not depend on the picture's size."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plateful.vision.masks import SaliencyDetector
from plateful.vision.measures import fitted, measure
from plateful.vision.ocr import TextReader
from plateful.vision.people import detect
from plateful.vision.saliency import find_subject


def test_blur_lowers_sharpness_only(clean: list) -> None:
    image = clean[0].image
    sharp, blurred = measure(image), measure(cv2.GaussianBlur(image, (0, 0), 2))
    assert blurred.sharpness < sharp.sharpness / 4
    assert blurred.brightness == pytest.approx(sharp.brightness, abs=0.01)


def test_exposure_moves_levels(clean: list) -> None:
    image = clean[1].image
    dark, plain, light = (
        measure(cv2.convertScaleAbs(image, alpha=a, beta=b)) for a, b in ((0.3, 0), (1, 0), (1.2, 90))
    )
    assert dark.highlight < plain.highlight
    assert light.shadow > plain.shadow
    assert dark.brightness < plain.brightness < light.brightness
    assert light.bright > plain.bright


def test_sharpness_is_free_of_contrast(clean: list) -> None:
    image = clean[2].image
    faded = (image.astype(np.float32) * 0.6 + 40).astype(np.uint8)
    assert measure(faded).sharpness == pytest.approx(measure(image).sharpness, rel=0.15)
    assert measure(faded).contrast < measure(image).contrast


def test_colour() -> None:
    grey, red = np.full((64, 64, 3), 128, np.uint8), np.zeros((64, 64, 3), np.uint8)
    red[..., 0] = 255
    assert measure(grey).saturation == 0
    assert measure(red).vivid == 1
    assert measure(grey).sharpness == 0


def test_fitted_shrinks_and_enlarges_only_as_far_as_allowed() -> None:
    wide = np.zeros((100, 300, 3), np.uint8)
    assert fitted(wide, 150).shape == (50, 150, 3)
    assert fitted(wide, 300) is wide
    assert fitted(wide, 900) is wide
    assert fitted(np.zeros((10, 400, 3), np.uint8), 100).shape == (2, 100, 3)
    assert fitted(wide, 900, enlarge=2.0).shape == (200, 600, 3)
    assert fitted(wide, 360, enlarge=2.0).shape == (120, 360, 3)


SIDES = st.one_of(st.integers(1, 9), st.integers(1, 2_600))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(height=SIDES, width=SIDES, noise=st.booleans())
def test_no_shape_is_too_thin_for_any_measure(height: int, width: int, noise: bool) -> None:
    rng = np.random.default_rng(height * width)
    picture = rng.integers(0, 256 if noise else 1, (height, width, 3), dtype=np.uint8)
    assert max(fitted(picture, 128).shape[:2]) <= 128
    assert np.isfinite(list(vars(measure(picture)).values())).all()
    subject = find_subject(picture)
    assert subject is None or 0 < subject.area <= 1
    known = ("ok", "no_dish_found", "covers_everything", "no_edge_found", "too_small")
    assert SaliencyDetector().find(picture).status in known
    assert np.isfinite(list(detect(picture, ("face", "body"), side=160).values())).all()


@pytest.mark.parametrize("shape", [(6, 2_000, 3), (2_000, 6, 3), (1, 1, 3), (1, 2_000, 3)])
def test_a_strip_is_searched_for_text(shape: tuple[int, int, int]) -> None:
    assert TextReader().regions(np.full(shape, 200, np.uint8), side=640) == []
