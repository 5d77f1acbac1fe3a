r"""Codes in the unit ball: GLO.

.. math:: z = \frac{h}{\max(\|h\|_2, 1)}
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from noiseless.autoencoder.bottlenecks.bottleneck import Bottleneck
from noiseless.values import Dirac

__all__ = ["UnitBall", "into_ball"]


def into_ball(h: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
    """The nearest point of the unit ball to each row."""
    return h / h.norm(dim=1, keepdim=True).clamp_min(1)


class UnitBall(Bottleneck):
    """The encoder's output, projected to the unit ball, is the code.

    Arguments:
        latent_dim: d, the size of a code.
    """

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim

    @property
    def inputs(self) -> int:
        """As many numbers as the code has."""
        return self.latent_dim

    def forward(self, h: Float[Tensor, "b d"]) -> Dirac:
        """All mass in the projection."""
        return Dirac(into_ball(h))
