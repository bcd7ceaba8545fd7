"""Inpainting geometry: nothing outside the feathered mask changes, whatever the photo's shape."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plateful.rendering.inpainting import FEATHER, fit

RNG = np.random.default_rng(7)


def photo(height: int, width: int) -> np.ndarray:
    return RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)


def box(height: int, width: int, top: int, left: int, rows: int, columns: int) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    mask[top : top + rows, left : left + columns] = 255
    return mask


@settings(max_examples=80, deadline=None)
@given(st.integers(20, 300), st.integers(20, 300), st.sampled_from([64, 128]), st.data())
def test_pixels_outside_the_feather_are_the_photos_own(
    height: int, width: int, size: int, data: st.DataObject
) -> None:
    rows, columns = data.draw(st.integers(1, height)), data.draw(st.integers(1, width))
    top, left = data.draw(st.integers(0, height - rows)), data.draw(st.integers(0, width - columns))
    picture, mask = photo(height, width), box(height, width, top, left, rows, columns)
    canvas = fit(picture, mask, size)
    assert canvas.photo.shape == (size, size, 3)
    assert canvas.paint.shape == (size, size)
    result = canvas.composite(255 - canvas.photo)
    assert result.shape == picture.shape
    assert result.dtype == np.uint8
    # Measured from the mask alone, so that the geometry cannot excuse itself.
    reach = 2 * max(1, round(FEATHER * canvas.square.side)) + 2
    near = box(height, width, 0, 0, 0, 0)
    near[max(0, top - reach) : top + rows + reach, max(0, left - reach) : left + columns + reach] = 1
    assert np.array_equal(result[near == 0], picture[near == 0])
    assert canvas.paint.any()


@settings(max_examples=40, deadline=None)
@given(st.integers(40, 200), st.integers(40, 200), st.data())
def test_the_painting_alone_is_seen_on_the_dish(height: int, width: int, data: st.DataObject) -> None:
    side = data.draw(st.integers(8, min(height, width)))
    top, left = data.draw(st.integers(0, height - side)), data.draw(st.integers(0, width - side))
    mask = box(height, width, top, left, side, side)
    canvas = fit(photo(height, width), mask, 64)
    flat = np.full((64, 64, 3), 90, np.uint8)
    result = canvas.composite(flat)
    assert (result[mask > 0] == 90).all()


def test_the_feather_is_soft_and_narrow() -> None:
    canvas = fit(photo(128, 128), box(128, 128, 32, 32, 64, 64), 128)
    row = canvas.alpha[canvas.alpha.shape[0] // 2]
    rising = row[: len(row) // 2]
    assert np.all(np.diff(rising) >= 0)
    assert ((rising > 0) & (rising < 1)).sum() >= 6
    assert (rising == 0).any()


def test_the_model_sees_the_dish_with_a_margin_of_a_tenth() -> None:
    picture = photo(400, 600)
    canvas = fit(picture, box(400, 600, 200, 380, 80, 160), 128)
    assert (canvas.square.side, canvas.square.top, canvas.square.left) == (208, 136, 356)
    seen = canvas.paint.mean()
    assert 0.3 < seen < 0.6


def test_a_square_of_the_models_size_is_not_resampled() -> None:
    picture = photo(64, 64)
    canvas = fit(picture, box(64, 64, 7, 7, 49, 49), 64)
    assert np.array_equal(canvas.photo, picture)
    painted = photo(64, 64)
    assert np.array_equal(canvas.composite(painted)[7:56, 7:56], painted[7:56, 7:56])


def test_beyond_the_frame_the_model_sees_the_photo_mirrored() -> None:
    picture = photo(40, 80)
    canvas = fit(picture, box(40, 80, 4, 9, 32, 62), 80)
    assert (canvas.square.top, canvas.square.side) == (-20, 80)
    assert np.array_equal(canvas.photo[20:60], picture)
    assert np.array_equal(canvas.photo[19], picture[1])


def test_a_strip_is_painted_in_its_middle_and_fades_out() -> None:
    picture = photo(30, 300)
    canvas = fit(picture, box(30, 300, 5, 0, 20, 300), 64)
    result = canvas.composite(np.zeros((64, 64, 3), np.uint8))
    assert canvas.square.side == 60
    assert np.array_equal(result[:, :120], picture[:, :120])
    assert not result[10, 150].any()
    edges = canvas.alpha[10]
    assert edges[0] < 0.05 > edges[-1]


def test_a_mask_decoded_as_rgb_is_the_same_mask() -> None:
    picture, mask = photo(80, 100), box(80, 100, 20, 30, 30, 30)
    rgb = np.repeat(mask[..., None], 3, axis=2)
    assert np.array_equal(fit(picture, mask, 64).alpha, fit(picture, rgb, 64).alpha)


@pytest.mark.parametrize(
    ("mask", "named"),
    [(np.zeros((80, 100), np.uint8), "empty"), (np.full((90, 100), 255, np.uint8), "does not fit")],
)
def test_a_useless_mask_is_named(mask: np.ndarray, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        fit(photo(80, 100), mask, 64)
