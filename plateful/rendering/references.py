"""Reference images: a loaded IP-Adapter, and what a UNet attends to of each picture.

Each picture is looked at by itself, so that what is made of it never depends on its neighbours.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers.models.embeddings import (
    ImageProjection,
    IPAdapterFullImageProjection,
    IPAdapterPlusImageProjection,
)
from PIL import Image

from plateful.errors import ModelError
from plateful.rendering.renderer import Arrays
from plateful.rendering.task import RenderTask

ENCODER = "image_encoder"
# Adapters that look at a picture; those for faces want another library's measures of them.
_LOOKING = (ImageProjection, IPAdapterPlusImageProjection, IPAdapterFullImageProjection)

# Of one picture: what the prompt's branch attends to and what the negative one does, of equal shape.
Looks = tuple[torch.Tensor, torch.Tensor]


def adapter_file(folder: Path) -> Path:
    """Return the one safetensors file of an IP-Adapter's folder, beside its image encoder.

    Raises:
        ModelError: there is not exactly one, or no encoder.
    """
    files = sorted(folder.glob("*.safetensors"))
    if len(files) != 1 or not (folder / ENCODER).is_dir():
        raise ModelError(
            f"IP-Adapter folder {folder.name!r} of {folder.parent.name!r} has {len(files)} safetensors files "
            f"and {'an' if (folder / ENCODER).is_dir() else 'no'} {ENCODER} folder",
            fix=f"put one adapter file and its {ENCODER} there, or leave ip_adapter out of the profile",
        )
    return files[0]


def load_adapter(pipeline: Any, folder: Path) -> None:  # noqa: ANN401 - any diffusers pipeline
    """Put the IP-Adapter of a folder into a pipeline's UNet.

    Raises:
        ModelError: the folder holds none, one of another family, or one that does not look at pictures.
    """
    file = adapter_file(folder)
    try:
        pipeline.load_ip_adapter(
            str(folder.parent), subfolder=folder.name, weight_name=file.name, local_files_only=True
        )
    except (KeyError, ValueError, RuntimeError, OSError) as error:
        raise ModelError(
            f"IP-Adapter {folder.name}/{file.name} does not fit the UNet of {folder.parent.name!r}: "
            f"{str(error).splitlines()[0][:200]}",
            fix="use the adapter that was made for this family, with the image encoder that belongs to it",
        ) from error
    (layer,) = pipeline.unet.encoder_hid_proj.image_projection_layers
    if not isinstance(layer, _LOOKING):
        raise ModelError(
            f"IP-Adapter {folder.name}/{file.name} is a {type(layer).__name__}, which takes no pictures",
            fix="use a plain, plus or full IP-Adapter",
        )


class References:
    """What a pipeline's IP-Adapter makes of the tasks' reference images.

    Args:
        pipeline: loaded pipeline, with an adapter where there is a scale.
        scale: how strongly a reference steers; None where the model takes none.
    """

    def __init__(self, pipeline: Any, scale: float | None) -> None:  # noqa: ANN401 - any diffusers pipeline
        self._pipeline, self._scale = pipeline, scale

    def looks(self, tasks: Sequence[RenderTask], photos: Arrays) -> list[Looks]:
        """Return one pair per task, each (1, 1, ...), and set the adapter for them; none without an adapter.

        Args:
            tasks: all with a reference or all without: the adapter's scale is one for a whole batch.
            photos: sha256 -> uint8 RGB (H, W, 3) of every reference.
        """
        if self._scale is None:
            return []
        keys = [task.reference_sha256 for task in tasks]
        # At scale 0 the adapter's attention is not even evaluated: the pixels are the plain model's.
        self._pipeline.set_ip_adapter_scale(0.0 if keys[0] is None else self._scale)
        found = {key: self._look(photos[key]) if key else self._blank() for key in dict.fromkeys(keys)}
        return [found[key] for key in keys]

    def _look(self, photo: Any) -> Looks:  # noqa: ANN401 - uint8 array
        place = self._pipeline.image_encoder.device
        positive, negative = self._pipeline.encode_image(Image.fromarray(photo), place, 1, self._whole)
        return positive[None], negative[None]

    def _blank(self) -> Looks:
        """Stand in for no picture, in shape: nothing attends to it."""
        encoder = self._pipeline.image_encoder
        width = encoder.config.hidden_size if self._whole else encoder.config.projection_dim
        zeros = torch.zeros((1, 1, *((1,) if self._whole else ()), width), device=encoder.device)
        return zeros.to(encoder.dtype), zeros.to(encoder.dtype)

    @property
    def _whole(self) -> bool:
        """Whether the adapter attends to every patch of a picture rather than to its summary."""
        (layer,) = self._pipeline.unet.encoder_hid_proj.image_projection_layers
        return not isinstance(layer, ImageProjection)
