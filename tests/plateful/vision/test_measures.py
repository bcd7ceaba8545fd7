"""Measures move the way their names say, and do not depend on the picture's size."""

import cv2
import numpy as np
import pytest

from plateful.vision.measures import fitted, measure, perceptual_hash


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


def test_hash_survives_scaling_and_tells_plates_apart(clean: list) -> None:
    def distance(a: int, b: int) -> int:
        return (a ^ b).bit_count()

    first, second = clean[0].image, clean[1].image
    larger = cv2.resize(first, (256, 256), interpolation=cv2.INTER_CUBIC)
    assert distance(perceptual_hash(first), perceptual_hash(larger)) <= 4
    assert distance(perceptual_hash(first), perceptual_hash(second)) > 10


def test_fitted_only_shrinks() -> None:
    wide = np.zeros((100, 300, 3), np.uint8)
    assert fitted(wide, 150).shape == (50, 150, 3)
    assert fitted(wide, 300) is wide
