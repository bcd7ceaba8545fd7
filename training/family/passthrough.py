"""A head start: autoencoders that begin as 'cell colour in, cell colour out' instead of as noise.

The first three latent channels start as the mean red, green and blue of a cell; every residual block starts
as the identity. What is left to learn is detail. From noise, most of a small budget goes into finding colour.
"""

import torch
from diffusers import AutoencoderKL, AutoencoderTiny
from diffusers.models.autoencoders.vae import AutoencoderTinyBlock
from torch import nn

# Cell colours in [-1, 1] have a spread near 0.5; latents should have one near 1.
COLOUR_SCALE = 2.0
DETAIL_GAIN = 20.0
# Constant channels of +-LEVEL fix the mean and variance that a norm over all channels divides by.
LEVEL = 4.0


@torch.no_grad()
def pass_colour_through(tiny: AutoencoderTiny) -> None:
    """Set the first three channels of an AutoencoderTiny to carry colour from picture to latent and back."""
    for block in (module for module in tiny.modules() if isinstance(module, AutoencoderTinyBlock)):
        block.conv[-1].weight.zero_()
        block.conv[-1].bias.zero_()
    encoder = [layer for layer in tiny.encoder.layers if isinstance(layer, nn.Conv2d)]
    decoder = [layer for layer in tiny.decoder.layers if isinstance(layer, nn.Conv2d)]
    _carry(encoder[0], _point(1.0))
    for shrink in encoder[1:-1]:
        _carry(shrink, _mean())
    # Inside, colours are in [0, 1], so that rectifiers let them pass; latents are centred.
    _carry(encoder[-1], _point(2 * COLOUR_SCALE), bias=-COLOUR_SCALE)
    # As it starts (spread 0.03) the error on latents would drown the fourth channel: it would stay unused.
    encoder[-1].weight[3:].mul_(DETAIL_GAIN)
    encoder[-1].bias[3:].mul_(DETAIL_GAIN)
    _carry(decoder[0], _point(0.5 / COLOUR_SCALE), bias=0.5)
    for grow in decoder[1:-1]:
        _carry(grow, _smooth())
    _carry(decoder[-1], _point(1.0))


@torch.no_grad()
def pass_colour_through_norms(vae: AutoencoderKL) -> None:
    """The same for an AutoencoderKL of one norm group: blocks are the identity, constants steady the norms.

    Its last norm and SiLU are held in their linear range: constant channels fix what the norm divides by, and
    a bias of LEVEL keeps the colours where SiLU is nearly the identity.
    """
    for side in (vae.encoder, vae.decoder):
        _still_blocks(side)
        convolutions = [m for m in side.modules() if isinstance(m, nn.Conv2d)]
        _carry(side.conv_in, _point(1.0 if side is vae.encoder else 1 / COLOUR_SCALE))
        _hold_constants(side.conv_in)
        for layer in convolutions:
            if layer.kernel_size == (1, 1):
                _carry(layer, torch.ones(1, 1))
                _hold_constants(layer)
        gain = COLOUR_SCALE if side is vae.encoder else 1.0
        _linear_end(side, gain)
    for block in vae.encoder.down_blocks:
        for sampler in block.downsamplers or []:
            # Padded on the right and below only: the window's first two rows and columns are the cell.
            _carry(sampler.conv, _mean().roll((-1, -1), (0, 1)))
            _hold_constants(sampler.conv)
    for block in vae.decoder.up_blocks:
        for sampler in block.upsamplers or []:
            _carry(sampler.conv, _smooth())
            _hold_constants(sampler.conv)
    for layer in (vae.quant_conv, vae.post_quant_conv):
        nn.init.dirac_(layer.weight)
        nn.init.zeros_(layer.bias)


def _still_blocks(side: nn.Module) -> None:
    for module in side.modules():
        if hasattr(module, "conv2") and hasattr(module, "norm2"):
            module.conv2.weight.zero_()
            module.conv2.bias.zero_()


def _linear_end(side: nn.Module, gain: float) -> None:
    width = side.conv_norm_out.num_channels
    spread = LEVEL * ((width - 3) / width) ** 0.5
    side.conv_norm_out.weight.fill_(1.0)
    side.conv_norm_out.bias.zero_()
    side.conv_norm_out.weight[:3] = spread
    # An odd number of constants leaves a mean, which the norm takes off every channel.
    side.conv_norm_out.bias[:3] = LEVEL + LEVEL * ((width - 3) % 2) / width
    _carry(side.conv_out, _point(gain), bias=-gain * LEVEL)
    side.conv_out.weight[3:].mul_(0.1)


def _hold_constants(layer: nn.Conv2d) -> None:
    """Make the channels beyond colour constants, +LEVEL and -LEVEL in turn, plus a little of the rest."""
    layer.weight[3:].mul_(0.3)
    signs = torch.ones(layer.out_channels - 3)
    signs[1::2] = -1
    layer.weight[3:, 3:].sub_(layer.weight[3:, 3:].mean((1, 2, 3), keepdim=True))
    layer.bias[3:] = LEVEL * signs


def _carry(layer: nn.Conv2d, kernel: torch.Tensor, bias: float = 0.0) -> None:
    """Make the first three output channels of `layer` the first three inputs, each under `kernel`."""
    layer.weight[:3].zero_()
    for channel in range(3):
        layer.weight[channel, channel] = kernel
    if layer.bias is not None:
        layer.bias[:3] = bias


def _point(value: float) -> torch.Tensor:
    kernel = torch.zeros(3, 3)
    kernel[1, 1] = value
    return kernel


def _mean() -> torch.Tensor:
    """The 2x2 mean of a stride-2 convolution padded by one on every side."""
    kernel = torch.zeros(3, 3)
    kernel[1:, 1:] = 0.25
    return kernel


def _smooth() -> torch.Tensor:
    line = torch.tensor([1.0, 2.0, 1.0]) / 4
    return line[:, None] * line[None]
