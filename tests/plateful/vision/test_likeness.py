"""Perceptual distance: re-encoding and scaling change nothing, another picture does."""

import cv2
import numpy as np

from plateful.vision.image_io import encode_webp, open_image
from plateful.vision.likeness import perceptual_distance, perceptual_hash, same_pixels


def blobs(seed: int, side: int = 128) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return cv2.resize(noise, (side, side), interpolation=cv2.INTER_CUBIC)


def test_a_picture_is_like_its_copies_whatever_their_size_and_encoding() -> None:
    picture = blobs(1)
    assert perceptual_hash(picture).shape == (64,)
    assert perceptual_distance(picture, picture) == 0
    assert perceptual_distance(picture, open_image(encode_webp(picture, 60))) <= 0.05
    assert perceptual_distance(picture, cv2.resize(picture, (300, 300))) <= 0.05


def test_other_pictures_are_about_half_away() -> None:
    distances = [perceptual_distance(blobs(seed), blobs(seed + 100)) for seed in range(40)]
    assert 0.4 < np.mean(distances) < 0.6 and min(distances) > 0.2


def test_a_pixel_is_the_same_when_all_its_channels_are() -> None:
    picture = blobs(1, 10)
    changed = picture.copy()
    changed[:5, :, 0] += 1
    assert same_pixels(picture, picture) == 1
    assert same_pixels(picture, changed) == 0.5
    assert same_pixels(picture, picture[:5]) == 0
