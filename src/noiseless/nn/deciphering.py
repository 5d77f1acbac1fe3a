r"""The networks of deciphering autoencoders (Maeda, 2023), as in the author's code, at any width w (the paper's: 128).

* **Encoder**: an input of the image's size; four stages with w, 2w, 4w, 8w channels, each a 2x2 convolution of stride 2
  followed by a 3x3 convolution; a dense layer to the latent code.
* **Patterns** multiply the outputs of stages 1, 2 and 3, without rescaling.
* **Shift**: r in [0, 100] for each axis, embedded as sines and cosines, then dense layers to 4w and w, concatenated
  with the latent code.
* **Decoder**: a dense layer to 8w channels at a sixteenth of the size; three upsampling stages by 2x2 transposed
  convolutions in 8, 4 and 2 groups to 4w, 2w, w channels, each followed by two residual bottlenecks of inner width w/2;
  one more upsampling stage to w/2 channels with two residual blocks; a 3x3 convolution.

Every convolution except the last, and the decoder's first dense layer, is followed by a batch norm, and every batch
norm except the last of a residual block by a leaky ReLU of slope 0.01. The output, in [-1, 1] for a perfect decoder, is
mapped to [0, 1]. It is unbounded in training and clamped in evaluation mode. Sizes that are not a multiple of 16 are
rounded up at the input and cropped at the output.

**The encoder sees no image.** Its input is noise drawn anew for every batch (as in the code; in evaluation mode,
training examples are encoded with one stored draw), or a learnt constant: the paper does not say.

Vectors, which the paper does not cover, get dense stages of the same widths instead of convolutions; the first stage
has no batch norms if its input is learnt.

Source: Generative autoencoding of dropout patterns (Maeda, 2023), https://arxiv.org/abs/2310.01712, and its code.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from noiseless.errors import InputError
from noiseless.nn.distributed import BatchNorm

__all__ = ["GroupedDecoder", "PatternEncoder", "Shifted", "widths"]

STEP = 16
"""How much the four stages of stride 2 reduce each side."""
LARGEST_SHIFT = 100.0


def widths(width: int) -> tuple[int, int, int, int]:
    """Channels of the four stages."""
    return width, 2 * width, 4 * width, 8 * width


def _rounded(shape: tuple[int, ...]) -> tuple[int, int]:
    if not all(8 <= side <= 128 for side in shape[1:]):
        raise InputError(
            f"the networks of deciphering autoencoders take images from 8x8 to 128x128, not {shape}; "
            "resize them with size="
        )
    return -(-shape[1] // STEP) * STEP, -(-shape[2] // STEP) * STEP


def _norm(channels: int) -> nn.Sequential:
    """Batch norm with PyTorch's defaults, as in the author's code, and a leaky ReLU."""
    return nn.Sequential(BatchNorm(channels, momentum=0.1, eps=1e-5), nn.LeakyReLU(0.01, inplace=True))


class PatternEncoder(nn.Module):
    """The encoder: maps patterns to latent codes.

    Arguments:
        shape: shape of an example.
        latent_dim: latent dimension d.
        width: channels of the first stage, w.
        learnt: use a learnt constant as the input instead of noise.
        convolutional: use convolutional stages (for images) rather than dense ones.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        latent_dim: int,
        width: int = 128,
        learnt: bool = False,
        convolutional: bool = True,
    ) -> None:
        super().__init__()
        size: tuple[int, ...] = (shape[0], *_rounded(shape)) if convolutional else (torch.Size(shape).numel(),)
        start = torch.randn(1, *size)
        self.learnt = learnt
        if learnt:
            self.start = nn.Parameter(start)
        else:
            self.register_buffer("start", start)
        stage = _halving if convolutional else _hidden
        stages = [stage(a, b) for a, b in pairwise((size[0], *widths(width)))]
        if learnt and not convolutional:  # all rows are equal, so batch norm would map them to zero
            stages[0] = nn.Sequential(*(m for m in stages[0] if not isinstance(m, BatchNorm)))
        self.stages = nn.ModuleList(stages)
        pixels = size[1] * size[2] // STEP**2 if convolutional else 1
        self.dense = nn.Linear(8 * width * pixels, latent_dim)

    def noise(self, like: Tensor) -> Tensor:
        """Zeros of the input's shape with the batch size of ``like``: a template for drawing noise."""
        return like.new_zeros(len(like), *self.start.shape[1:])

    def forward(self, masks: Sequence[Tensor], noise: Tensor | None = None) -> Float[Tensor, "b d"]:
        """The latent codes of patterns.

        Arguments:
            masks: one factor per channel for each of the first three stages, each of shape (b, n).
            noise: the input; None uses the stored or learnt one.
        """
        b = len(masks[0])
        h = self.start.expand(b, *self.start.shape[1:]) if noise is None or self.learnt else noise
        for stage, mask in zip(self.stages[:3], masks, strict=True):
            h = stage(h)
            h = h * mask.to(h.dtype).view(*mask.shape, *(1,) * (h.ndim - 2))
        return self.dense(self.stages[3](h).flatten(1))


def _halving(c_in: int, c_out: int) -> nn.Sequential:
    first, second = nn.Conv2d(c_in, c_out, 2, stride=2), nn.Conv2d(c_out, c_out, 3, padding=1)
    return nn.Sequential(first, *_norm(c_out), second, *_norm(c_out))


def _hidden(c_in: int, c_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(c_in, c_out), *_norm(c_out), nn.Linear(c_out, c_out), *_norm(c_out))


class GroupedDecoder(nn.Module):
    """Maps latent codes, concatenated with the embedding of a shift if there is one, to images.

    Arguments:
        inputs: size of the input.
        shape: (C, H, W).
        width: w, 2 or more.
        logits: return log-odds.
    """

    def __init__(self, inputs: int, shape: tuple[int, ...], width: int = 128, logits: bool = False) -> None:
        super().__init__()
        if width < 2:
            raise InputError(f"the width must be 2 or more, not {width}: the last layers have half as many channels")
        height, breadth = _rounded(shape)
        self.logits, self.size = logits, shape[1:]
        self.top, self.left = (height - shape[1]) // 2, (breadth - shape[2]) // 2
        inner, channels = width // 2, tuple(reversed(widths(width)))
        self.start = (channels[0], height // STEP, breadth // STEP)
        self.dense = nn.Linear(inputs, torch.Size(self.start).numel())
        layers: list[nn.Module] = [*_norm(channels[0])]
        for c_in, c_out in pairwise(channels):
            layers += [
                _doubling(c_in, c_out, groups=c_in // width),
                _bottleneck(c_out, inner),
                _bottleneck(c_out, inner),
            ]
        layers += [_doubling(width, inner), _basic(inner), _basic(inner), nn.Conv2d(inner, shape[0], 3, padding=1)]
        self.layers = nn.Sequential(*layers)

    def forward(self, h: Float[Tensor, "b inputs"]) -> Float[Tensor, "b c h w"]:
        """Images, roughly in [0, 1] and in evaluation mode clamped to it; or log-odds."""
        y = self.unbounded(h)
        return y if self.training or self.logits else y.clamp(0, 1)

    def unbounded(self, h: Float[Tensor, "b inputs"]) -> Float[Tensor, "b c h w"]:
        """The same without clamping, for gradients in evaluation mode: a clamped pixel has none."""
        y = self.layers(self.dense(h).unflatten(1, self.start))
        y = y[..., self.top :, self.left :][..., : self.size[0], : self.size[1]]
        y = y.float() if y.dtype == torch.bfloat16 else y
        return y if self.logits else (y + 1) / 2


def _doubling(c_in: int, c_out: int, groups: int = 1) -> nn.Sequential:
    # an odd width is not divisible by that: take the largest number of groups that divides both channel counts
    conv = nn.ConvTranspose2d(c_in, c_out, 2, stride=2, groups=math.gcd(groups, c_out))
    return nn.Sequential(conv, *_norm(c_out))


class _Residual(nn.Module):
    def __init__(self, *branch: nn.Module) -> None:
        super().__init__()
        self.branch = nn.Sequential(*branch)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)


def _bottleneck(channels: int, inner: int) -> _Residual:
    narrow, filter_, widen = (
        nn.Conv2d(channels, inner, 1),
        nn.Conv2d(inner, inner, 3, padding=1),
        nn.Conv2d(inner, channels, 1),
    )
    return _Residual(narrow, *_norm(inner), filter_, *_norm(inner), widen, _norm(channels)[0])


def _basic(channels: int) -> _Residual:
    first, second = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
    return _Residual(first, *_norm(channels), second, _norm(channels)[0])


class Shifted(nn.Module):
    r"""A decoder that is conditioned on the shift of the image.

    .. math:: y = d([z, m(\phi(r))]), \qquad \phi(r) = (\sin r f_k, \cos r f_k)_k, \quad
        f_k = 10000^{-k / (K - 1)}, \; k < K = w / 2

    for each shifted axis, with two dense layers m.

    Arguments:
        network: the decoder of the latent code and the embedding.
        axes: number of shifted axes, 1 or 2.
        width: w, the size of the embedding.
    """

    frequencies: Tensor

    def __init__(self, network: GroupedDecoder, axes: int, width: int = 128) -> None:
        super().__init__()
        half = max(1, width // 2)
        powers = torch.arange(half) / max(1, half - 1)
        self.register_buffer("frequencies", torch.exp(-math.log(10_000) * powers), persistent=False)
        hidden, last = nn.Linear(2 * half * axes, 4 * width), nn.Linear(4 * width, width)
        self.embedding = nn.Sequential(hidden, nn.LeakyReLU(0.01), last)
        self.network, self.axes = network, axes

    def forward(self, z: Float[Tensor, "b d"], r: Float[Tensor, "b axes"] | None = None) -> Float[Tensor, "b ..."]:
        """The decoded codes, shifted by ``r`` in [0, 100]; None means 50, no shift."""
        return self.network(self._told(z, r))

    def unbounded(self, z: Float[Tensor, "b d"]) -> Float[Tensor, "b ..."]:
        """The decoded codes without a shift and without clamping."""
        return self.network.unbounded(self._told(z, None))

    def _told(self, z: Tensor, r: Tensor | None) -> Tensor:
        r = z.new_full((len(z), self.axes), LARGEST_SHIFT / 2) if r is None else r
        angles = (r[..., None] * self.frequencies).flatten(1)
        phases = torch.cat([angles.sin(), angles.cos()], dim=1)
        return torch.cat([z, self.embedding(phases)], dim=1)
