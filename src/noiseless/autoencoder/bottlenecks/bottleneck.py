"""What a bottleneck is: encoder outputs in, a distribution over codes out.

The bottleneck says how many numbers it needs from the encoder, so one encoder network serves all of them: a
deterministic code needs d, a Gaussian one 2d. Bottlenecks run in float32 or better, whatever the networks run in.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from noiseless.registry import Choice, Kind, offered
from noiseless.values import Posterior

__all__ = ["BOTTLENECK", "Bottleneck", "names"]


def names() -> dict[str, Callable[[int], Bottleneck]]:
    """The factories of the package by the names that the command line accepts."""
    return dict(sorted(offered("noiseless.autoencoder.bottlenecks", "BOTTLENECKS").items()))


BOTTLENECK = Kind("bottleneck", "noiseless.bottlenecks", names)
"""How bottlenecks without arguments of their own are found: factories of a latent size."""


class Bottleneck(nn.Module, ABC):
    """Encoder outputs to a distribution over codes.

    Attributes:
        latent_dim: d, the size of a code.
        maximum_entropy: the density that has the largest entropy of all that the bottleneck admits (a name, or a
            density of your own), which codes tend to if their entropy is maximised; N(0, I) by default.
    """

    latent_dim: int
    maximum_entropy: ClassVar[Choice] = "normal"

    @property
    def dimensions(self) -> int:
        """The number of dimensions in which codes can vary; by default all."""
        return self.latent_dim

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
