"""What finds dishes in vendor photos: the detector that PLATEFUL_DETECTOR names, behind a look for a dish."""

from functools import lru_cache
from pathlib import Path

import dagster as dg
import numpy as np

from plateful.identity import content_hash
from plateful.models.weight_root import WeightRoot, part_folder, weight_root
from plateful.scoring.scorer import Scorer, scorer_version
from plateful.scoring.thresholds import load_thresholds, numbers
from plateful.vision.clip import TinyClip, folder_digest
from plateful.vision.detectors import detector_method, open_detector
from plateful.vision.masks import DishDetector, DishMask
from resources.stores import S3Config


class MaskResource(dg.ConfigurableResource):
    """A dish detector by profile; a photo that shows no dish is not searched for one."""

    detector: str
    # Folder below which the detector's own weights lie, if it has any.
    weights: str
    clip: str
    # This node's folder of weights fetched from a bucket.
    weight_cache: str | None = None
    s3: S3Config = S3Config()

    def method(self) -> str:
        """Return the name of everything that decides a mask; loads no model."""
        looked = content_hash([scorer_version(_digest(self._clip())), numbers(load_thresholds().dish)])
        return f"{detector_method(self.detector, self._root())}/{looked[:12]}"

    def find(self, array: np.ndarray) -> DishMask:
        """Find the dish in one uint8 RGB (H, W, 3) photo, or say why there is none."""
        foreign = _scorer(self._clip()).foreign(array)
        if foreign:
            return DishMask(None, 0.0, f"not_a_dish: {', '.join(foreign)}")
        return _detector(self.detector, self._root()).find(array)

    def _clip(self) -> Path:
        return part_folder(self.clip, self.weight_cache, self.s3.options())

    def _root(self) -> WeightRoot:
        return weight_root(self.weights, self.weight_cache, self.s3.options())


@lru_cache(maxsize=2)
def _digest(clip: Path) -> str:
    return folder_digest(clip)


@lru_cache(maxsize=2)
def _scorer(clip: Path) -> Scorer:
    return Scorer(TinyClip.load(clip))


@lru_cache(maxsize=2)
def _detector(name: str, weights: WeightRoot) -> DishDetector:
    return open_detector(name, weights)
