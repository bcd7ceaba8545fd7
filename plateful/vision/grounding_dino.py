"""Grounding DINO: asked in words where the dish is; GrabCut makes its box a mask.

Any GroundingDinoForObjectDetection folder with its processor: safetensors, local files, no remote code.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from plateful.errors import ModelError
from plateful.identity import content_hash
from plateful.models.digests import DIGESTS, verify_digests
from plateful.vision.masks import SMALLEST_SIDE, WORKING_SIDE, DishMask, inside_box, whole_mask
from plateful.vision.measures import fitted

if TYPE_CHECKING:
    from plateful.vision.detectors import GroundingDinoProfile

# Raise when the code here makes other masks of the same boxes.
CODE = "grabcut@1"
# A box over more of the photo than this leaves GrabCut nothing that is certainly not the dish.
_LARGEST_BOX = 0.97
Box = tuple[float, float, float, float]


def method(folder: Path, profile: "GroundingDinoProfile") -> str:
    """Return the name of the masks of these weights and settings, without loading them.

    Raises:
        ModelError: the folder or its record is missing.
    """
    asked = profile.model_dump(mode="json", exclude={"folder"})
    return f"grounding-dino-{content_hash([_record(folder), asked])[:12]}+{CODE}"


def _record(folder: Path) -> str:
    path = folder / DIGESTS
    if not path.is_file():
        raise ModelError(
            f"no recorded Grounding DINO in {str(folder)!r}",
            fix="put its safetensors folder there, check where it comes from, then record it with "
            f"`python -m plateful.models.digests {folder}`; or set PLATEFUL_DETECTOR=saliency",
        )
    return path.read_text("utf-8")


class GroundingDinoDetector:
    """A loaded model with its processor and profile; use `load`."""

    def __init__(
        self,
        model: Any,  # noqa: ANN401 - transformers' class, imported late
        processor: Any,  # noqa: ANN401 - as above
        profile: "GroundingDinoProfile",
    ) -> None:
        import torch

        self._place = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._model, self._processor, self._profile = model.to(self._place).eval(), processor, profile

    @classmethod
    def load(cls, folder: Path, profile: "GroundingDinoProfile") -> "GroundingDinoDetector":
        """Load a folder (config.json, model.safetensors, processor and tokenizer files, digests.json).

        Raises:
            ModelError: the folder or its record is missing, or a file is missing, altered, unrecorded, in a
            format that runs code, or not of a Grounding DINO.
        """
        _record(folder)
        verify_digests(folder)
        from transformers import GroundingDinoForObjectDetection, GroundingDinoProcessor
        from transformers.utils import logging

        logging.disable_progress_bar()
        local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        try:
            model = GroundingDinoForObjectDetection.from_pretrained(folder, use_safetensors=True, **local)
            processor = GroundingDinoProcessor.from_pretrained(folder, **local)
        except (OSError, ValueError) as fault:
            raise ModelError(
                f"Grounding DINO folder {str(folder)!r}: {fault}",
                fix="restore the folder, or set PLATEFUL_DETECTOR=saliency",
            ) from fault
        return cls(model, processor, profile)

    def find(self, array: np.ndarray) -> DishMask:
        """Find the dish in one uint8 RGB (H, W, 3) photo: the surest box, refined by GrabCut."""
        work = fitted(array, WORKING_SIDE)
        if min(work.shape[:2]) < SMALLEST_SIDE:
            return DishMask(None, 0.0, "too_small")
        box = self.surest_box(array)
        if box is None:
            return DishMask(None, 0.0, "no_dish_found")
        area = (box[2] - box[0]) * (box[3] - box[1])
        if area > _LARGEST_BOX:
            return DishMask(None, area, "covers_everything")
        return whole_mask(inside_box(work, box), array)

    def surest_box(self, array: np.ndarray) -> Box | None:
        """Return the box of highest score that names one of the phrases, shares of the picture, or None."""
        import torch

        words = ". ".join(self._profile.phrases) + "."
        inputs = self._processor(images=array, text=words, return_tensors="pt").to(self._place)
        with torch.inference_mode():
            outputs = self._model(**inputs)
        (found,) = self._processor.post_process_grounded_object_detection(
            outputs,
            inputs["input_ids"],
            threshold=self._profile.threshold,
            text_threshold=self._profile.text_threshold,
        )
        named = [place for place, label in enumerate(found["text_labels"]) if label]
        if not named:
            return None
        best = max(named, key=lambda place: float(found["scores"][place]))
        x0, y0, x1, y1 = np.clip(found["boxes"][best].float().cpu().numpy(), 0, 1).tolist()
        return x0, y0, x1, y1
