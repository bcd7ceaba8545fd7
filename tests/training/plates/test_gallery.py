"""The gallery: every archetype, held-out dish, defect and palette in one labelled picture."""

import numpy as np

from training.plates.gallery import gallery, showcase


def test_gallery_is_a_picture() -> None:
    grid = gallery(size=32)
    assert grid.ndim == 3 and grid.dtype == np.uint8 and grid.shape[1] == 10 * 36


def test_showcase_is_a_picture_of_one_width() -> None:
    page = showcase(size=64)
    assert page.ndim == 3 and page.dtype == np.uint8 and page.shape[0] > page.shape[1] * 0.5
    assert page.std() > 20
