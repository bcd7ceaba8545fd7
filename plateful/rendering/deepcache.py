"""The denoiser: a UNet whose deep layers may be evaluated at every n-th step only (static DeepCache).

Neighbouring steps hardly change a UNet's deep features. A full evaluation keeps what its last layer gets
from below; the steps between compute the first convolution and that last layer alone (2.3 % of an SDXL
evaluation). Source: Ma, Fang, Wang: DeepCache (CVPR 2024), uniform schedule, branch 0. Our own code on
UNet2DConditionModel.
"""

from typing import Any

import torch
from diffusers.models.unets.unet_2d_blocks import CrossAttnUpBlock2D, UpBlock2D

from plateful.errors import ConfigError
from plateful.rendering.compiling import compiled_or_eager
from plateful.rendering.conditioning import Conditioning

# What attention looks at: text embeddings, and those of reference images where there is an IP-Adapter.
Tokens = torch.Tensor | tuple[torch.Tensor, list[torch.Tensor]]


class Denoiser:
    """Predicts noise, step by step of one batch.

    Args:
        unet: a UNet2DConditionModel.
        interval: deep layers are evaluated at every `interval`-th step; None or 1: at each.
        compile_on: device to compile for; None runs eager.

    Attributes:
        compiled: whether the UNet runs compiled.

    Raises:
        ConfigError: layers of this UNet cannot be kept.
    """

    def __init__(
        self,
        unet: Any,  # noqa: ANN401 - diffusers ships no types
        interval: int | None = None,
        compile_on: torch.device | None = None,
    ) -> None:
        if interval is not None:
            _refuse_unknown(unet, interval)
        self.unet = unet
        self._interval = interval or 1
        parts = (self._plain, self._full, self._shallow)
        self._run_plain, self._run_full, self._run_shallow = parts
        self.compiled = compile_on is not None
        if compile_on is not None:
            (self._run_plain, self._run_full, self._run_shallow), self.compiled = compiled_or_eager(
                parts, compile_on
            )
        self._feature: torch.Tensor | None = None

    def predict(
        self, index: int, sample: torch.Tensor, timestep: torch.Tensor, conditioning: Conditioning
    ) -> torch.Tensor:
        """Return the UNet's output (b, channels, h, w) at step `index` of the batch.

        Args:
            index: 0 for the batch's first step; deep features never outlive a batch.
            sample: (b, channels, h, w) scaled model input; between steps b may fall, to the last rows.
            timestep: scalar.
            conditioning: of b rows.
        """
        if self._interval == 1:
            return self._run_plain(sample, timestep, conditioning)
        if index % self._interval == 0 or self._feature is None:
            output, self._feature = self._run_full(sample, timestep, conditioning)
            return output
        # Without guidance the prompt's rows are left, which are the last ones.
        self._feature = self._feature[-len(sample) :]
        return self._run_shallow(sample, timestep, conditioning, self._feature)

    def _plain(
        self, sample: torch.Tensor, timestep: torch.Tensor, conditioning: Conditioning
    ) -> torch.Tensor:
        return self.unet(sample, timestep, **conditioning.arguments, return_dict=False)[0]

    def _full(
        self, sample: torch.Tensor, timestep: torch.Tensor, conditioning: Conditioning
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Evaluate every layer -> (output, what the last layer gets from below)."""
        unet = self.unet
        temb, tokens = self._time(sample, timestep, conditioning), self._tokens(conditioning)
        hidden = unet.conv_in(sample)
        skips = [hidden]
        for block in unet.down_blocks:
            hidden, made = block(hidden, temb, **_attended(block, tokens))
            skips += made
        if unet.mid_block is not None:
            hidden = unet.mid_block(hidden, temb, **_attended(unet.mid_block, tokens))
        for block in unet.up_blocks[:-1]:
            taken = [skips.pop() for _ in block.resnets][::-1]
            # Of the height that the next block's skip has, where the latent is no power of two.
            hidden = block(
                hidden,
                res_hidden_states_tuple=tuple(taken),
                temb=temb,
                upsample_size=skips[-1].shape[2:],
                **_attended(block, tokens),
            )
        for layer in range(len(unet.up_blocks[-1].resnets) - 1):
            hidden = self._layer(layer, hidden, skips.pop(), temb, tokens)
        return self._last(hidden, skips.pop(), temb, tokens), hidden

    def _shallow(
        self, sample: torch.Tensor, timestep: torch.Tensor, conditioning: Conditioning, feature: torch.Tensor
    ) -> torch.Tensor:
        """Evaluate the first convolution and the last layer, on deep features of an earlier step."""
        temb = self._time(sample, timestep, conditioning)
        return self._last(feature, self.unet.conv_in(sample), temb, self._tokens(conditioning))

    def _time(self, sample: torch.Tensor, timestep: torch.Tensor, conditioning: Conditioning) -> torch.Tensor:
        unet = self.unet
        embedded = unet.get_time_embed(sample=sample, timestep=timestep)
        temb = unet.time_embedding(embedded, conditioning.timestep)
        added = unet.get_aug_embed(
            emb=temb, encoder_hidden_states=conditioning.tokens, added_cond_kwargs=conditioning.added
        )
        return temb if added is None else temb + added

    def _tokens(self, conditioning: Conditioning) -> Tokens:
        return self.unet.process_encoder_hidden_states(
            encoder_hidden_states=conditioning.tokens, added_cond_kwargs=conditioning.beside
        )

    def _layer(
        self, number: int, hidden: torch.Tensor, skip: torch.Tensor, temb: torch.Tensor, tokens: Tokens
    ) -> torch.Tensor:
        """Run one layer of the last block."""
        block = self.unet.up_blocks[-1]
        hidden = block.resnets[number](torch.cat([hidden, skip], dim=1), temb)
        if isinstance(block, CrossAttnUpBlock2D):
            attention: Any = block.attentions[number]
            hidden = attention(hidden, encoder_hidden_states=tokens, return_dict=False)[0]
        return hidden

    def _last(
        self, hidden: torch.Tensor, skip: torch.Tensor, temb: torch.Tensor, tokens: Tokens
    ) -> torch.Tensor:
        unet = self.unet
        hidden = self._layer(-1, hidden, skip, temb, tokens)
        return unet.conv_out(unet.conv_act(unet.conv_norm_out(hidden)))


def _refuse_unknown(unet: Any, interval: int) -> None:  # noqa: ANN401 - diffusers ships no types
    """Refuse what `_full` would leave out."""
    last, config = unet.up_blocks[-1], unet.config
    extras = ("class_embed_type", "center_input_sample", "time_embedding_act_fn", "num_class_embeds")
    found = [name for name in extras if getattr(config, name, None)]
    if not isinstance(last, CrossAttnUpBlock2D | UpBlock2D):
        found.append(type(last).__name__)
    if found:
        raise ConfigError(
            f"cache_interval {interval}: this UNet has {', '.join(found)}",
            fix="leave cache_interval out of this model's serving profile",
        )


def _attended(block: Any, tokens: Tokens) -> dict[str, Tokens]:  # noqa: ANN401 - any UNet block
    return {"encoder_hidden_states": tokens} if getattr(block, "has_cross_attention", False) else {}
