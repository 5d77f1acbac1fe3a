"""The encoder's output as the code: AE, RAE and its kin, WAE."""

from __future__ import annotations

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

from noiseless.autoencoder.bottlenecks.bottleneck import Bottleneck
from noiseless.values import Dirac

__all__ = ["Deterministic"]


class Deterministic(Bottleneck):
    """The encoder's output is the code.

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
        """All mass in ``h``."""
        return Dirac(h)


BOTTLENECKS: dict[str, Callable[[int], Bottleneck]] = {"none": Deterministic}
