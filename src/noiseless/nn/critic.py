"""A critic of codes: a scalar score that separates codes of data from samples of the prior.

It is a multilayer perceptron, because codes are vectors. It has no batch norm, so that each score depends on one code
only and a gradient penalty applies per code. WAE-GAN's critic has four hidden layers of 512 units (Wasserstein
auto-encoders, Tolstikhin et al., ICLR 2018, https://arxiv.org/abs/1711.01558, and its code for MNIST), MaskAAE's has
four of 1024.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from noiseless.errors import InputError
from noiseless.nn.mlp import MLP

__all__ = ["LatentCritic"]


class LatentCritic(nn.Module):
    """Maps codes to scores through dense layers with ReLU.

    Arguments:
        latent_dim: latent dimension d.
        width: units per hidden layer, 1 or more.
        depth: number of hidden layers, 0 (a linear critic) or more.

    Raises:
        InputError: ``width`` or ``depth`` is too small.
    """

    def __init__(self, latent_dim: int, width: int = 512, depth: int = 4) -> None:
        super().__init__()
        if width < 1 or depth < 0:
            raise InputError(f"the critic's width must be 1 or more and its depth 0 or more, not {width} and {depth}")
        self.layers = MLP(latent_dim, *[width] * depth, 1)

    def forward(self, z: Float[Tensor, "b d"]) -> Float[Tensor, " b"]:
        """The scores: high where a code looks like a sample of the prior."""
        return self.layers(z).squeeze(1)
