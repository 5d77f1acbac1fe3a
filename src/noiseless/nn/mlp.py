"""Multilayer perceptrons for vectors (and, if requested, small images).

Hidden layers of equal width with ReLU, Glorot-uniform weights and zero biases, and a linear last layer, followed by a
sigmoid for images. MaskAAE's networks (Mondal et al., UAI 2020) are of this kind, with Glorot-normal weights.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["MLP", "MLPDecoder", "MLPEncoder", "glorot_normal"]


class MLP(nn.Sequential):
    """Dense layers of the given sizes with ReLU between them.

    Arguments:
        sizes: number of inputs, hidden widths, number of outputs.
    """

    def __init__(self, *sizes: int) -> None:
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise(sizes):
            dense = nn.Linear(fan_in, fan_out)
            nn.init.xavier_uniform_(dense.weight)
            nn.init.zeros_(dense.bias)
            layers += [dense, nn.ReLU(inplace=True)]
        super().__init__(*layers[:-1])


def glorot_normal(module: nn.Module) -> None:
    """Reinitialises the weights of every perceptron in ``module`` Glorot-normal."""
    for part in module.modules():
        if isinstance(part, MLP):
            for layer in part:
                if isinstance(layer, nn.Linear):
                    nn.init.xavier_normal_(layer.weight)


class MLPEncoder(nn.Module):
    """Maps data of any shape to ``outputs`` numbers through ``depth`` hidden layers of ``hidden`` units."""

    def __init__(self, shape: tuple[int, ...], outputs: int, hidden: int = 1024, depth: int = 2) -> None:
        super().__init__()
        self.layers = MLP(torch.Size(shape).numel(), *[hidden] * depth, outputs)

    def forward(self, x: Float[Tensor, "b ..."]) -> Float[Tensor, "b outputs"]:
        """Flattens each example and applies the layers."""
        return self.layers(x.flatten(1))


class MLPDecoder(nn.Module):
    """Maps codes to data of any shape. Images get a sigmoid unless ``logits``; vectors have a linear output."""

    def __init__(
        self, latent_dim: int, shape: tuple[int, ...], hidden: int = 1024, depth: int = 2, logits: bool = False
    ) -> None:
        super().__init__()
        self.shape, self.squashed = shape, len(shape) == 3 and not logits
        self.layers = MLP(latent_dim, *[hidden] * depth, torch.Size(shape).numel())

    def forward(self, z: Float[Tensor, "b d"]) -> Float[Tensor, "b ..."]:
        """Applies the layers and reshapes to the shape of the data."""
        y = self.layers(z).unflatten(1, self.shape)
        y = y.float() if y.dtype == torch.bfloat16 else y
        return torch.sigmoid(y) if self.squashed else y
