"""Orders to repaint: another dish in the same vessel, and a mask around the food."""

import numpy as np

from training.family.repaint import orders
from training.plates import ARCHETYPES


def test_the_new_dish_fits_the_vessel_and_the_mask_holds_the_food() -> None:
    asked = orders(90_000_000, 30, 64)
    assert len(asked) >= 25
    for order in asked:
        assert order.wanted.vessel in ARCHETYPES[order.wanted.archetype].vessels
        assert order.image.shape == (64, 64, 3) and order.mask.shape == (64, 64)
        assert 0.05 < order.mask.mean() < 0.95
    again = orders(90_000_000, 30, 64)
    assert all(
        np.array_equal(a.image, b.image) and a.wanted == b.wanted for a, b in zip(asked, again, strict=True)
    )
