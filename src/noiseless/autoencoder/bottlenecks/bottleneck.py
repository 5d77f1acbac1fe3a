"""What a bottleneck is: encoder outputs in, a distribution over codes out.

The bottleneck says how many numbers it needs from the encoder, so one encoder network serves all of them: a
deterministic code needs d, a Gaussian one 2d. Bottlenecks run in float32 or better, whatever the networks run in.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from jaxtyping import Float
from torch import Tensor, nn

from noiseless.values import Posterior

__all__ = ["Bottleneck"]


class Bottleneck(nn.Module, ABC):
    """Encoder outputs to a distribution over codes."""

    latent_dim: int

    @property
    @abstractmethod
    def inputs(self) -> int:
        """How many numbers it takes from the encoder for each datum."""

    @abstractmethod
    def forward(self, h: Float[Tensor, "b inputs"]) -> Posterior:
        """The distribution of the codes."""

    def standardised(self, z: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        """Codes with exactly the moments that the bottleneck fixes, over this batch; unchanged if it fixes none."""
        return z
