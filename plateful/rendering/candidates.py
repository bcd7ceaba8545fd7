"""One candidate's way into a batch and out of it: its canvas before, its picture or a named failure after."""

from collections.abc import Sequence

import numpy as np
import torch

from plateful.models.capabilities import sides
from plateful.rendering.inpainting import Canvas, fit
from plateful.rendering.renderer import Arrays, CandidateError
from plateful.rendering.task import RenderTask


def canvas_of(task: RenderTask, photos: Arrays, masks: Arrays) -> Canvas | CandidateError:
    """Fit an inpainting's photo and mask to the model, or return what is wrong with them."""
    photo, mask = photos.get(task.init_sha256 or ""), masks.get(task.mask_sha256 or "")
    if photo is None or mask is None:
        missing = "photo" if photo is None else "mask"
        return failure(task, "init_image_unreadable", f"its {missing} is missing or cannot be opened")
    steps, strength = task.parameters["steps"], task.parameters["strength"]
    if int(steps * strength) < 1:
        return failure(task, "strength_too_low", f"strength {strength} of {steps} steps leaves none to run")
    width, height = sides(task.parameters["size"])
    if height != width:
        return failure(task, "size_not_square", f"photos are repainted as squares, not {width}x{height}")
    try:
        return fit(photo, mask, width)
    except ValueError as error:
        return failure(task, "init_image_unreadable", str(error))


def missing_reference(task: RenderTask, photos: Arrays) -> CandidateError | None:
    """Return what is wrong with a task whose reference image is not there."""
    if task.reference_sha256 is None or task.reference_sha256 in photos:
        return None
    return failure(task, "reference_image_unreadable", "its reference image is missing or cannot be opened")


def stack(canvases: Sequence[Canvas]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return photos (n, 3, size, size) and paint masks (n, 1, size, size), both in [0, 1]."""
    photos = np.stack([canvas.photo for canvas in canvases]).astype(np.float32) / 255
    paints = np.stack([canvas.paint for canvas in canvases])[:, None]
    return torch.from_numpy(photos.transpose(0, 3, 1, 2).copy()), torch.from_numpy(paints)


def picture_of(
    task: RenderTask, pixels: np.ndarray, finite: bool, canvas: Canvas | None
) -> np.ndarray | CandidateError:
    """Return decoded uint8 pixels (height, width, 3) as a picture, or what is wrong with them.

    Painted pixels come back inside their photo, (H, W, 3).
    """
    width, height = sides(task.parameters["size"])
    shape = (height, width, 3)
    if not finite:
        return failure(task, "not_finite", "the picture has values that are not finite")
    if pixels.shape != shape:
        return failure(task, "wrong_shape", f"the picture is {pixels.shape}, not {shape}")
    return np.ascontiguousarray(canvas.composite(pixels) if canvas else pixels)


def failure(task: RenderTask, reason: str, detail: str) -> CandidateError:
    """Return a candidate's failure by name."""
    return CandidateError(
        reason,
        f"candidate {task.candidate_id[:12]} of request {task.request_id}: {detail}",
        fix="look at its prompt and photo, then ask for new pictures of the product",
    )
