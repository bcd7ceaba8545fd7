"""Stored candidate pictures, read back as arrays."""

from collections.abc import Sequence

import numpy as np

from plateful.stores import Lake
from plateful.vision.image_io import open_stored


def load_arrays(lake: Lake, candidate_ids: Sequence[str]) -> list[np.ndarray]:
    """Return the pictures (uint8 RGB, HxWx3) of candidates, in order.

    Raises:
        StoreError: a picture is not in the lake.
    """
    return [open_stored(lake.get_image(candidate)) for candidate in candidate_ids]
