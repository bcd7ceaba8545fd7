"""What finds dishes in vendor photos: the detector that PLATEFUL_DETECTOR names, behind a look for a dish."""

from functools import lru_cache
from pathlib import Path

import dagster as dg
import numpy as np

from plateful.identity import content_hash
from plateful.scoring.scorer import Scorer, scorer_version
from plateful.scoring.thresholds import load_thresholds, numbers
from plateful.vision.clip import TinyClip, folder_digest
from plateful.vision.detectors import detector_method, open_detector
from plateful.vision.masks import DishDetector, DishMask


class MaskResource(dg.ConfigurableResource):
    """A dish detector by profile; a photo that shows no dish is not searched for one."""

    detector: str
    # Folder below which the detector's own weights lie, if it has any.
    weights: str
    clip: str

    def method(self) -> str:
        """Return the name of everything that decides a mask; loads no model."""
        looked = content_hash([scorer_version(_digest(self.clip)), numbers(load_thresholds().dish)])
        return f"{detector_method(self.detector, Path(self.weights))}/{looked[:12]}"

    def find(self, array: np.ndarray) -> DishMask:
        """Find the dish in one uint8 RGB (H, W, 3) photo, or say why there is none."""
        foreign = _scorer(self.clip).foreign(array)
        if foreign:
            return DishMask(None, 0.0, f"not_a_dish: {', '.join(foreign)}")
        return _detector(self.detector, self.weights).find(array)


@lru_cache(maxsize=2)
def _digest(clip: str) -> str:
    return folder_digest(Path(clip))


@lru_cache(maxsize=2)
def _scorer(clip: str) -> Scorer:
    return Scorer(TinyClip.load(Path(clip)))


@lru_cache(maxsize=2)
def _detector(name: str, weights: str) -> DishDetector:
    return open_detector(name, Path(weights))
