r"""The convolutional networks of Ghosh et al. (2020), as implemented in the authors' code.

==============  ====================================================  =================================
layer           32x32 network (MNIST, CIFAR-10)                       64x64 network (CelebA)
==============  ====================================================  =================================
input           mapped to [-1, 1] by 2x - 1                           unchanged, in [0, 1]
encoder         4 convolutions 4x4, stride 2, channels w, 2w, 4w, 8w  the same with 5x5
decoder, dense  to 8w channels at a quarter of the size               to 8w channels at an eighth
decoder         2 transposed 4x4, stride 2: 4w, 2w                    3 transposed 5x5: 4w, 2w, w
last            transposed 4x4, stride 1, sigmoid                     transposed 5x5, stride 1, sigmoid
==============  ====================================================  =================================

Every convolution except the last is followed by batch normalisation and ReLU; the dense layers are linear; w is 128.
With a depth above 1, which the paper does not have, as many further 3x3 convolutions of stride 1 follow each of stride
2, with as many channels, batch normalisation and ReLU.
Weights are initialised Glorot-uniform and biases to zero (Keras's defaults). The biases that Keras puts before batch
norms are omitted, because batch norm cancels them: their gradient is rounding error, which Adam scales up to full
steps, so the biases walk at random (or drift, under a gradient penalty) and the running moments lag behind them.
Padding is "same": 4x4 and 5x5 kernels halve and double sizes exactly. For 5x5 kernels Keras pads the odd column on the
right; here it is on the left, which gives the mirrored network.

Images may have any size from 8x8 to 128x128. A side that is not a multiple of 8 is zero-padded at the input (MNIST's 28
to 32, as in the paper) and cropped at the output, so losses are computed on the original pixels only.

Source: From Variational to Deterministic Autoencoders (Ghosh, Sajjadi, Vergari, Black, Schölkopf, ICLR 2020),
https://arxiv.org/abs/1903.12436, and the authors' code.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from noiseless.errors import InputError
from noiseless.nn.distributed import BatchNorm

__all__ = ["LARGE", "SMALL", "Architecture", "ConvDecoder", "ConvEncoder"]


@dataclass(frozen=True)
class Architecture:
    """What differs between the paper's two networks.

    Arguments:
        kernel: kernel size.
        doublings: number of upsampling layers in the decoder.
        rescale: whether inputs are mapped to [-1, 1].
    """

    kernel: int
    doublings: int
    rescale: bool


FEW = 4
"""Largest number of output channels for which :class:`_Spread` computes the last layer on a CPU."""

SMALL = Architecture(kernel=4, doublings=2, rescale=True)
LARGE = Architecture(kernel=5, doublings=3, rescale=False)


def padded(shape: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of images (C, H, W) after padding to multiples of 8: MNIST's 28 become 32."""
    return -(-shape[1] // 8) * 8, -(-shape[2] // 8) * 8


def _checked(shape: tuple[int, ...]) -> tuple[int, int]:
    if len(shape) != 3 or not all(8 <= side <= 128 for side in shape[1:]):
        raise InputError(
            f"the convolutional networks take images (C, H, W) from 8x8 to 128x128, not {shape}; "
            "resize them with size=, or pass your own networks with encoder= and decoder="
        )
    return padded(shape)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


class ConvEncoder(nn.Module):
    """Maps images to ``outputs`` numbers: four convolutions of stride 2 and a dense layer.

    Arguments:
        shape: (C, H, W).
        outputs: number of outputs that the bottleneck needs.
        width: channels of the first convolution, w.
        architecture: :data:`SMALL` or :data:`LARGE`.
        depth: convolutions per size, 1 or more.
    """

    def __init__(
        self, shape: tuple[int, ...], outputs: int, width: int = 128, architecture: Architecture = SMALL, depth: int = 1
    ) -> None:
        super().__init__()
        height, breadth = _checked(shape)
        top, left = (height - shape[1]) // 2, (breadth - shape[2]) // 2
        self.pad = (left, breadth - shape[2] - left, top, height - shape[1] - top)
        self.rescale = architecture.rescale
        channels = [shape[0], width, 2 * width, 4 * width, 8 * width]
        self.halvings, self.blocks = nn.ModuleList(), nn.ModuleList()
        for c_in, c_out in pairwise(channels):
            self.halvings.append(_Halving(c_in, c_out, architecture.kernel))
            self.blocks.append(_same_size(c_out, depth - 1))
            height, breadth = -(-height // 2), -(-breadth // 2)
        self.dense = nn.Linear(channels[-1] * height * breadth, outputs)
        self.apply(_initialise)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b outputs"]:
        """Maps images in [0, 1] to the bottleneck's input."""
        h = F.pad(x, self.pad) if any(self.pad) else x
        h = 2 * h - 1 if self.rescale else h
        for halving, block in zip(self.halvings, self.blocks, strict=True):
            h = block(halving(h))
        return self.dense(h.permute(0, 2, 3, 1).flatten(1))


def _same_size(channels: int, count: int) -> nn.Sequential:
    """Convolutions that keep size and channels, each with batch normalisation and ReLU; the identity if none."""
    layers: list[nn.Module] = []
    for _ in range(count):
        convolution = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        layers += [convolution, BatchNorm(channels), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


class _Halving(nn.Module):
    def __init__(self, c_in: int, c_out: int, kernel: int) -> None:
        super().__init__()
        self.odd = kernel % 2 == 0
        self.conv = nn.Conv2d(c_in, c_out, kernel, stride=2, padding=(kernel - 1) // 2, bias=False)
        self.norm = BatchNorm(c_out)

    def forward(self, x: Tensor) -> Tensor:
        odd = (0, x.shape[3] % 2, 0, x.shape[2] % 2)
        h = F.pad(x, odd) if self.odd and any(odd) else x
        return F.relu(self.norm(self.conv(h)), inplace=True)


class ConvDecoder(nn.Module):
    """Maps codes to images: a dense layer, two or three transposed convolutions of stride 2, one of stride 1, sigmoid.

    Arguments:
        latent_dim: latent dimension d.
        shape: (C, H, W).
        width: w, as in the encoder.
        architecture: :data:`SMALL` or :data:`LARGE`.
        logits: return logits, i.e. omit the sigmoid.
        depth: convolutions per size, 1 or more.
    """

    def __init__(
        self,
        latent_dim: int,
        shape: tuple[int, ...],
        width: int = 128,
        architecture: Architecture = SMALL,
        logits: bool = False,
        depth: int = 1,
    ) -> None:
        super().__init__()
        self.logits = logits
        height, breadth = _checked(shape)
        kernel, doublings = architecture.kernel, architecture.doublings
        self.start = (height >> doublings, breadth >> doublings, 8 * width)
        self.top, self.left = (height - shape[1]) // 2, (breadth - shape[2]) // 2
        self.size = shape[1:]
        self.dense = nn.Linear(latent_dim, self.start[0] * self.start[1] * self.start[2])
        channels = [8 * width >> k for k in range(doublings + 1)]
        self.doublings = nn.ModuleList(_Doubling(c_in, c_out, kernel) for c_in, c_out in pairwise(channels))
        self.blocks = nn.ModuleList(_same_size(c, depth - 1) for c in channels[1:])
        self.last = nn.ConvTranspose2d(channels[-1], shape[0], kernel, padding=(kernel - 1) // 2)
        self.apply(_initialise)

    def forward(self, z: Float[Tensor, "b d"]) -> Float[Tensor, "b c h w"]:
        """Maps codes to images in [0, 1] (or to their logits), in float32 or higher precision."""
        h = self.dense(z).unflatten(1, self.start).permute(0, 3, 1, 2)
        for doubling, block in zip(self.doublings, self.blocks, strict=True):
            h = block(doubling(h))
        h = self._last(h)[..., self.top :, self.left :][..., : self.size[0], : self.size[1]]
        h = h.float() if h.dtype == torch.bfloat16 else h
        return h if self.logits else torch.sigmoid(h)

    def _last(self, h: Tensor) -> Tensor:
        if h.device.type != "cpu" or self.last.out_channels > FEW or torch.compiler.is_compiling():
            return self.last(h)
        bias = self.last.bias
        y = _Spread.apply(h, self.last.weight.to(h.dtype))
        return y if bias is None else y + bias.view(-1, 1, 1)


class _Doubling(nn.Module):
    def __init__(self, c_in: int, c_out: int, kernel: int) -> None:
        super().__init__()
        odd = kernel % 2
        self.conv = nn.ConvTranspose2d(
            c_in, c_out, kernel, stride=2, padding=kernel // 2 - 1 + odd, output_padding=odd, bias=False
        )
        self.norm = BatchNorm(c_out)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(x)), inplace=True)


class _Spread(torch.autograd.Function):
    r"""A transposed convolution of stride 1 with few output channels: same result, in a fifth of the time on a CPU.

    oneDNN pads the output channels to 16, so it computes 16 channels for a grey image. Here one matrix product computes
    each pixel's contribution to its k x k neighbours, and k x k shifted sums, in float32 or higher precision,
    accumulate them. Gradients are computed by oneDNN and are themselves differentiable. The output has the input's size
    (torch's is one larger for an even k).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        (n, c, height, breadth), (_, outputs, k, _) = x.shape, weight.shape
        pixels = x.permute(0, 2, 3, 1).reshape(-1, c)
        sent = (weight.reshape(c, -1).t() @ pixels.t()).view(outputs, k, k, n, height, breadth)
        wide = torch.float32 if x.dtype == torch.bfloat16 else x.dtype
        got = torch.zeros(outputs, n, height + k - 1, breadth + k - 1, dtype=wide, device=x.device)
        for i in range(k):
            for j in range(k):
                got[..., i : i + height, j : j + breadth] += sent[:, i, j]
        first = (k - 1) // 2
        return got[..., first : first + height, first : first + breadth].transpose(0, 1).contiguous()

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor]:
        return _SpreadBackward.apply(g, *ctx.saved_tensors)


class _SpreadBackward(torch.autograd.Function):
    """The gradient of :class:`_Spread`. It is bilinear too, so its own gradient uses the same operations."""

    @staticmethod
    def forward(ctx: Any, g: Tensor, x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(g, x, weight)
        ctx.set_materialize_grads(False)
        return _gather_back(g, x, weight)

    @staticmethod
    def backward(ctx: Any, to_x: Tensor | None, to_weight: Tensor | None) -> tuple[Tensor | None, ...]:
        g, x, weight = ctx.saved_tensors
        on_g, on_x, on_weight = None, None, None
        if to_x is not None:
            on_g, on_weight = _Spread.apply(to_x, weight), _gather_back(g, to_x, weight)[1]
        if to_weight is not None:
            more = _Spread.apply(x, to_weight)
            on_g = more if on_g is None else on_g + more
            on_x = _gather_back(g, x, to_weight)[0]
        return on_g, on_x, on_weight


def _gather_back(g: Tensor, x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    k = weight.shape[2]
    padded = F.pad(g, (0, 1, 0, 1)) if k % 2 == 0 else g
    padding = [(k - 1) // 2] * 2
    on_x, on_weight, _ = torch.ops.aten.convolution_backward(
        padded.to(x.dtype), x, weight, None, [1, 1], padding, [1, 1], True, [0, 0], 1, [True, True, False]
    )
    return on_x, on_weight
