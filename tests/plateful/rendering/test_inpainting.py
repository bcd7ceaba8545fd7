"""Inpainting geometry: nothing outside the feathered mask changes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plateful.rendering.inpainting import fit

RNG = np.random.default_rng(7)


def photo(height: int, width: int) -> np.ndarray:
    return RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)


def box(height: int, width: int, top: int, left: int, side: int) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    mask[top : top + side, left : left + side] = 255
    return mask


@settings(max_examples=40, deadline=None)
@given(st.integers(40, 300), st.integers(40, 300), st.integers(10, 40), st.data())
def test_pixels_outside_the_feather_are_those_of_the_fitted_photo(
    height: int, width: int, side: int, data: st.DataObject
) -> None:
    top, left = data.draw(st.integers(0, height - side)), data.draw(st.integers(0, width - side))
    canvas = fit(photo(height, width), box(height, width, top, left, side), 64)
    painted = RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    result = canvas.composite(painted)
    outside, inside = canvas.alpha == 0, canvas.alpha == 1
    assert np.array_equal(result[outside], canvas.photo[outside])
    assert np.array_equal(result[inside], painted[inside])
    assert inside.any()
    assert canvas.paint[canvas.alpha > 0].all()


def test_the_feather_is_soft_and_narrow() -> None:
    canvas = fit(photo(128, 128), box(128, 128, 40, 40, 48), 128)
    row = canvas.alpha[64]
    assert np.all(np.diff(row[:64]) >= 0)
    assert ((row > 0) & (row < 1)).sum() >= 6
    assert not row[: 40 - 12].any()


def test_a_square_photo_of_the_right_size_is_not_resampled() -> None:
    picture = photo(64, 64)
    assert np.array_equal(fit(picture, box(64, 64, 10, 10, 20), 64).photo, picture)


def test_the_crop_follows_the_dish() -> None:
    picture = photo(60, 200)
    canvas = fit(picture, box(60, 200, 10, 150, 30), 60)
    assert np.array_equal(canvas.photo, picture[:, 134:194])


def test_a_mask_decoded_as_rgb_is_the_same_mask() -> None:
    picture, mask = photo(80, 100), box(80, 100, 20, 30, 30)
    rgb = np.repeat(mask[..., None], 3, axis=2)
    assert np.array_equal(fit(picture, mask, 64).alpha, fit(picture, rgb, 64).alpha)


@pytest.mark.parametrize(
    ("mask", "named"),
    [(np.zeros((80, 100), np.uint8), "empty"), (np.full((90, 100), 255, np.uint8), "does not fit")],
)
def test_a_useless_mask_is_named(mask: np.ndarray, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        fit(photo(80, 100), mask, 64)
