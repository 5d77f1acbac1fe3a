r"""The fixed mixture of Gaussians into which gmm-ae shapes its codes; nothing is fitted.

.. math:: p(z) = \frac1K \sum_{k=1}^K N(z; \mu_k, \sigma^2 I), \qquad E \|z\|^2 = d

Its means and its variance are those of the terms in :mod:`noiseless.objectives.penalties.shape`, which see the
marginals and the covariance of the codes. For codes of other methods it is a baseline that mostly fails.

Reference: Shape your space: a Gaussian mixture regularization approach to deterministic autoencoders, A. Saseendran, K.
Skubch, S. Falkner, M. Keuper, NeurIPS 2021.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from noiseless.densities.density import LatentDensity, checked
from noiseless.densities.normal import standard
from noiseless.objectives.penalties.shape import COMPONENTS, RADIUS, Target

__all__ = ["DENSITIES", "TargetMixture"]


class TargetMixture(LatentDensity):
    r"""The mixture that gmm-ae aims at, whatever the codes; give it the method's options.

    .. math:: \log p(z) = \log \frac1K \sum_k \exp\Big(-\frac{\|z - \mu_k\|^2}{2 \sigma^2}\Big)
        - \tfrac d2 \log 2 \pi \sigma^2

    Arguments:
        dim: the dimension :math:`d` of the codes.
        components: number of Gaussians, K.
        radius: distance of their means from the origin, in standard deviations of a component.

    Attributes:
        means: :math:`\mu`, shape (K, d).
        std: :math:`\sigma`.
    """

    means: Tensor
    std: Tensor

    def __init__(self, dim: int, components: int = COMPONENTS, radius: float = RADIUS) -> None:
        super().__init__(dim)
        target = Target.placed(dim, components, radius)
        self.register_buffer("means", target.means.clone())
        self.register_buffer("std", torch.tensor(target.std, dtype=torch.float64))

    def fit(self, z: Float[Tensor, "n d"], generator: torch.Generator) -> TargetMixture:  # noqa: ARG002
        """Validates the codes and records their number; nothing is fitted."""
        self.n.fill_(len(checked(z, self.dim)))
        return self

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n d"]:
        r"""Samples :math:`\mu_k + \sigma \varepsilon`, with a component k drawn uniformly for each row."""
        component = torch.randint(len(self.means), (n,), generator=generator, device=generator.device)
        noise = standard(n, self.dim, generator).to(self.means)
        return (self.means[component.to(self.means.device)] + self.std * noise).float()

    def log_prob(self, z: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
        """See the class."""
        squares = (z.to(self.means)[:, None] - self.means).square().sum(2)
        constant = self.dim * (math.log(2 * math.pi) / 2 + self.std.log()) + math.log(len(self.means))
        return torch.logsumexp(-squares / (2 * self.std.square()), dim=1) - constant


DENSITIES: dict[str, Callable[[int], LatentDensity]] = {"target-mixture": TargetMixture}
