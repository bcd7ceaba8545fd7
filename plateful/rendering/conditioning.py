"""What a UNet is told beside the noisy picture: one form for SD1.5-class and SDXL-class models."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch

from plateful.rendering.text import Embedding

Row = TypeVar("Row")


@dataclass(frozen=True)
class Conditioning:
    """Conditioning of b rows.

    Attributes:
        tokens: (b, 77 * chunks, width) text embeddings.
        added: SDXL's `text_embeds` (b, width) and `time_ids` (b, 6); empty for SD1.5.
        timestep: (b, width) guidance embedding of guidance-distilled UNets, else None.
        image: (b, 1, ...) embeddings of reference images for a UNet with an IP-Adapter, else None.
    """

    tokens: torch.Tensor
    added: dict[str, torch.Tensor] = field(default_factory=dict)
    timestep: torch.Tensor | None = None
    image: torch.Tensor | None = None

    @property
    def beside(self) -> dict[str, Any]:
        """What the UNet is told beside the text."""
        return dict(self.added) if self.image is None else {**self.added, "image_embeds": [self.image]}

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments of UNet2DConditionModel's forward."""
        return {
            "encoder_hidden_states": self.tokens,
            "added_cond_kwargs": self.beside or None,
            "timestep_cond": self.timestep,
        }

    def last(self, rows: int) -> "Conditioning":
        """Return the conditioning of the last rows."""
        added = {name: value[-rows:] for name, value in self.added.items()}
        timestep, image = (None if each is None else each[-rows:] for each in (self.timestep, self.image))
        return Conditioning(self.tokens[-rows:], added, timestep, image)


def condition(
    unet: Any,  # noqa: ANN401 - diffusers ships no types
    pairs: Sequence[tuple[Embedding, Embedding]],
    sides: tuple[int, int],
    cfg_scale: float,
    looks: Sequence[tuple[torch.Tensor, torch.Tensor]] = (),
) -> tuple[Conditioning, bool]:
    """Return (conditioning, guided) of n candidates: 2 n rows, the negative ones first, when guided, else n.

    Args:
        unet: the UNet2DConditionModel.
        pairs: n (prompt, negative) embeddings of equally many tokens.
        sides: (height, width) of the picture in pixels, which SDXL is told.
        cfg_scale: no guidance at 1 or below, nor in a UNet that was distilled with it.
        looks: n (prompt, negative) embeddings (1, 1, ...) of reference images, where there is an IP-Adapter.
    """
    width = unet.config.time_cond_proj_dim
    guided = cfg_scale > 1 and width is None
    rows = _rows(pairs, guided)
    place = {"device": unet.device, "dtype": unet.dtype}
    tokens = torch.cat([row.tokens for row in rows]).to(**place)
    timestep = None if width is None else _guidance(cfg_scale - 1, width).expand(len(rows), -1).to(**place)
    added: dict[str, torch.Tensor] = {}
    if unet.config.addition_embed_type == "text_time":
        pooled = [row.pooled for row in rows if row.pooled is not None]
        # Original size, crop, target size: the picture as the model was trained to see it uncropped.
        ids = torch.tensor([[*sides, 0, 0, *sides]]).expand(len(rows), -1)
        added = {"text_embeds": torch.cat(pooled).to(**place), "time_ids": ids.to(**place)}
    image = torch.cat(_rows(looks, guided)).to(**place) if looks else None
    return Conditioning(tokens, added, timestep, image), guided


def _rows(pairs: Sequence[tuple[Row, Row]], guided: bool) -> list[Row]:
    """Return the rows of n (prompt, negative) pairs in the one order that guidance expects."""
    positives = [positive for positive, _ in pairs]
    return [negative for _, negative in pairs] + positives if guided else positives


def _guidance(scale: float, width: int) -> torch.Tensor:
    """Return the sinusoidal embedding (1, width) of a guidance scale (Meng et al., 2022; base 10,000)."""
    half = width // 2
    frequencies = torch.exp(torch.arange(half) * -(torch.log(torch.tensor(10000.0)) / (half - 1)))
    angles = 1000.0 * scale * frequencies
    embedding = torch.cat([torch.sin(angles), torch.cos(angles)])[None]
    return torch.nn.functional.pad(embedding, (0, width % 2))
