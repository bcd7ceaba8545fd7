"""Thumbnails as data URIs, made once per picture, at the best size and quality that a byte budget allows."""

import base64
from collections.abc import Callable, Sequence

import numpy as np

from plateful.reporting.overlays import outlined
from plateful.vision.image_io import encode_webp, open_stored
from plateful.vision.measures import fitted

# Long side in pixels and WebP quality, best first. 160 px fills a report's tile on a dense screen.
STEPS = ((160, 82), (144, 72), (128, 62), (112, 50), (96, 40), (72, 30))
SAMPLE = 16

ReadImage = Callable[[str], bytes]


class Thumbnails:
    """Encodes lake pictures for inlining.

    Args:
        read_image: image key -> bytes, e.g. `Lake.get_image`.
        side: long side, pixels.
        quality: WebP quality.
    """

    def __init__(self, read_image: ReadImage, side: int = STEPS[0][0], quality: int = STEPS[0][1]) -> None:
        self._read_image, self._side, self._quality = read_image, side, quality
        self._made: dict[tuple[str, str | None], str] = {}

    @classmethod
    def within(
        cls,
        budget: int,
        keys: Sequence[str],
        read_image: ReadImage,
        steps: Sequence[tuple[int, int]] = STEPS,
    ) -> "Thumbnails":
        """Return the best step at which all `keys` fit in `budget` bytes, judged on a sample of them.

        The last step is taken when none fits: the report then is larger, never poorer than legible.
        """
        sample = sorted(set(keys))[:: max(1, len(set(keys)) // SAMPLE)][:SAMPLE]
        arrays = [open_stored(read_image(key)) for key in sample]
        for side, quality in steps:
            sizes = [len(_data_uri(fitted(array, side), quality)) for array in arrays]
            if not sizes or sum(sizes) / len(sizes) * len(keys) <= budget:
                return cls(read_image, side, quality)
        return cls(read_image, *steps[-1])

    def uri(self, key: str) -> str:
        """Return one picture as a data URI."""
        return self._once(key, None)

    def outlined(self, key: str, mask_key: str) -> str:
        """Return a picture with what its mask covers outlined and the rest dimmed, as a data URI."""
        return self._once(key, mask_key)

    def _once(self, key: str, mask_key: str | None) -> str:
        if (key, mask_key) not in self._made:
            array = fitted(open_stored(self._read_image(key)), self._side)
            if mask_key:
                array = outlined(array, open_stored(self._read_image(mask_key))[..., 0])
            self._made[key, mask_key] = _data_uri(array, self._quality)
        return self._made[key, mask_key]


def _data_uri(array: np.ndarray, quality: int) -> str:
    return "data:image/webp;base64," + base64.b64encode(encode_webp(array, quality)).decode()
