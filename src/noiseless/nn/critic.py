"""A critic of codes: one number for each, by which it tells codes of data from draws of the prior.

A perceptron, since codes are vectors; without batch norm, so that the score of a code depends on no other and a penalty
on its gradient is one of each code. WAE-GAN's has four hidden layers of 512 units (Wasserstein auto-encoders,
Tolstikhin et al., ICLR 2018, https://arxiv.org/abs/1711.01558, and its code for MNIST), MaskAAE's four of 1024.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from noiseless.errors import InputError
from noiseless.nn.mlp import MLP

__all__ = ["LatentCritic"]


class LatentCritic(nn.Module):
    """Codes to scores through dense layers with ReLU.

    Arguments:
        latent_dim: d, the size of a code.
        width: units of a hidden layer, 1 or more.
        depth: hidden layers, 0 (a linear critic) or more.

    Raises:
        InputError: ``width`` or ``depth`` is below that.
    """

    def __init__(self, latent_dim: int, width: int = 512, depth: int = 4) -> None:
        super().__init__()
        if width < 1 or depth < 0:
            raise InputError(f"a critic of width {width} and depth {depth}: the first must be 1 or more, the other 0")
        self.layers = MLP(latent_dim, *[width] * depth, 1)

    def forward(self, z: Float[Tensor, "b d"]) -> Float[Tensor, " b"]:
        """The scores: high where a code looks like a draw of the prior."""
        return self.layers(z).squeeze(1)
