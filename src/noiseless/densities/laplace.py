r"""The standard Laplace distribution on codes, which like N(0, I) has no fitted parameters.

.. math:: p(z) = \prod_{j=1}^d \tfrac12 e^{-|z_j|}, \qquad E z_j = 0, \quad E |z_j| = 1

Among all distributions with :math:`E |z_j| = 1` it has the largest entropy, :math:`1 + \log 2` nats per dimension, so
codes that are normalised to this moment (:class:`noiseless.autoencoder.bottlenecks.normalised.L1Normed`) and whose
entropy is maximised tend to it. For codes that are not regularised towards it, it is a baseline that mostly fails.

Reference: Batch norm with entropic regularization turns deterministic autoencoders into generative models, A. Ghose,
A. Rashwan, P. Poupart, 2020, section 3, https://arxiv.org/abs/2002.10631.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from noiseless.densities.density import LatentDensity, checked

__all__ = ["DENSITIES", "Laplace"]


class Laplace(LatentDensity):
    r"""Independent Laplace distributions of mean absolute value 1, whatever the codes.

    .. math:: \log p(z) = -\lVert z \rVert_1 - d \log 2

    Arguments:
        dim: the dimension :math:`d` of the codes.
    """

    def fit(self, z: Float[Tensor, "n d"], generator: torch.Generator) -> Laplace:  # noqa: ARG002
        """Validates the codes and records their number; nothing is fitted."""
        self.n.fill_(len(checked(z, self.dim)))
        return self

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n d"]:
        """Differences of two exponential variates, which are Laplace-distributed."""
        draws = torch.empty(2, n, self.dim, dtype=torch.float64, device=generator.device)
        plus, minus = draws.exponential_(generator=generator)
        return (plus - minus).to(self.n.device, torch.float32)

    def log_prob(self, z: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
        """See the class."""
        return -z.double().abs().sum(dim=1) - self.dim * math.log(2)


DENSITIES: dict[str, Callable[[int], LatentDensity]] = {"laplace": Laplace}
