r"""Codes shaped into a fixed mixture of Gaussians: the terms of gmm-ae.

The target is a mixture of K Gaussians of equal weight,

.. math:: p(z) = \frac1K \sum_{k=1}^K N(z; \mu_k, \sigma^2 I), \qquad
    F_j(t) = \frac1K \sum_k \Phi\Big(\frac{t - \mu_{kj}}{\sigma}\Big), \qquad
    \Sigma = \sigma^2 I + \frac1K \sum_k (\mu_k - \bar\mu)(\mu_k - \bar\mu)^\top

with the distribution function :math:`F_j` of its j-th marginal and its covariance :math:`\Sigma`. Two terms compare the
codes of a batch with it. The first is the Kolmogorov-Smirnov distance of every marginal with the mean of squares in
place of the maximum, so that every code has a gradient; the second is about pairs of dimensions:

.. math::
    L_{KS} = \frac1{d n} \sum_{j=1}^d \sum_{i=1}^n \Big(F_j(z_{(i)j}) - \frac{i - 1/2}{n}\Big)^2, \qquad
    L_{CV} = \frac1d \|\hat\Sigma - \Sigma\|_F^2, \qquad
    \hat\Sigma = \frac1{n-1} \sum_i (z_i - \bar z)(z_i - \bar z)^\top

where :math:`z_{(i)j}` is the i-th smallest code in dimension j, and (i - 1/2)/n is the value of the empirical
distribution function in the middle of its jump there. For codes that follow the target, :math:`E L_{KS} = 1/(6n) -
1/(12 n^2)`; no code raises it above 1/3. It is the Cramér-von Mises statistic less its constant, over n. Both are
computed on the global batch of all processes.

Marginals and covariance do not determine a distribution: codes may have those of the mixture in other clusters. Far
from all means, :math:`F_j` is flat, and only the covariance moves codes.

Source: Shape your space: a Gaussian mixture regularization approach to deterministic autoencoders (Saseendran, Skubch,
Falkner, Keuper, NeurIPS 2021), section 3, https://proceedings.neurips.cc/paper/2021/hash/3c057cb2b41f22c0e740974d7a428918-Abstract.html.
The placement of the means and the factors 1/d are this library's choice.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from noiseless.autoencoder import Autoencoder
from noiseless.errors import InputError
from noiseless.nn.distributed import gather
from noiseless.values import Trace

__all__ = ["COMPONENTS", "PENALTIES", "RADIUS", "Covariance", "Marginals", "Target", "covariance_distance", "ks"]

COMPONENTS = 10
RADIUS = 3.0
CANDIDATES = 1000


@dataclass(frozen=True)
class Target:
    r"""A mixture of Gaussians of equal weights and variances.

    Arguments:
        means: :math:`\mu`, shape (K, d).
        std: :math:`\sigma`, above 0.
    """

    means: Float[Tensor, "k d"]
    std: float

    @staticmethod
    @functools.cache
    def placed(dim: int, components: int = COMPONENTS, radius: float = RADIUS) -> Target:
        r"""The mixture of mean 0 and :math:`E \|z\|^2 = d` whose means lie far from each other.

        .. math:: \mu_k = \rho \sigma (u_k - \bar u), \qquad
            \sigma^2 = \Big(1 + \frac{\rho^2}{d K} \sum_k \|u_k - \bar u\|^2\Big)^{-1}

        with unit vectors :math:`u_k` chosen in turn from 1,000 random ones, always the same, each the farthest from
        those before it.

        Arguments:
            dim: d.
            components: K, from 1 to 1,000.
            radius: :math:`\rho`, 0 or more; 0 gives N(0, I), as K = 1 does.

        Raises:
            InputError: a value is out of range.
        """
        if not 1 <= components <= CANDIDATES:
            raise InputError(f"components is {components}, but must be from 1 to {CANDIDATES}")
        if not 0 <= radius < float("inf"):
            raise InputError(f"radius is {radius}, but must be a number of 0 or more")
        apart = _directions(components, dim)
        std = (1 + radius**2 * apart.square().sum().item() / (dim * components)) ** -0.5
        return Target(radius * std * apart, std)

    @property
    def covariance(self) -> Float[Tensor, "d d"]:
        r""":math:`\Sigma`."""
        apart = self.means - self.means.mean(0)
        identity = torch.eye(self.means.shape[1]).to(self.means)
        return self.std**2 * identity + apart.T @ apart / len(self.means)

    def cdf(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        """The distribution function of each marginal, at the codes in this dimension."""
        return torch.special.ndtr((z[:, None] - self.means.to(z)) / self.std).mean(1)


def _directions(count: int, dim: int) -> Float[Tensor, "k d"]:
    drawn = torch.randn(CANDIDATES, dim, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    units = drawn / drawn.norm(dim=1, keepdim=True)
    chosen = [0]
    nearest = torch.full((CANDIDATES,), float("inf"), dtype=torch.float64)
    for _ in range(count - 1):
        nearest = torch.minimum(nearest, (units - units[chosen[-1]]).norm(dim=1))
        chosen.append(int(nearest.argmax()))
    return units[chosen] - units[chosen].mean(0)


def ks(z: Float[Tensor, "n d"], target: Target) -> Float[Tensor, ""]:
    r""":math:`L_{KS}`: the mean squared difference of the distribution functions, over codes and dimensions; at most
    1/3.
    """
    levels = (torch.arange(len(z)).to(z) + 0.5) / len(z)
    return (target.cdf(z.sort(dim=0).values) - levels[:, None]).square().mean()


def covariance_distance(z: Float[Tensor, "n d"], target: Target) -> Float[Tensor, ""]:
    r""":math:`L_{CV}`: the squared Frobenius norm of the difference of the covariances, over d.

    Raises:
        InputError: there are fewer than 2 codes.
    """
    if len(z) < 2:
        raise InputError(f"a covariance needs at least 2 codes, not {len(z)}")
    apart = z - z.mean(0)
    return (apart.T @ apart / (len(z) - 1) - target.covariance.to(z)).square().sum() / z.shape[1]


class Marginals:
    """The distance of the codes' marginals from those of a fixed mixture of Gaussians, by Kolmogorov-Smirnov.

    Arguments:
        components: number of Gaussians, K.
        radius: distance of their means from the origin, in standard deviations of a component.
    """

    def __init__(self, components: int = COMPONENTS, radius: float = RADIUS) -> None:
        self.components, self.radius = components, radius

    def __call__(self, trace: Trace, autoencoder: Autoencoder) -> Float[Tensor, ""]:  # noqa: ARG002
        """The mean squared difference of the distribution functions."""
        z = gather(trace.z)
        return ks(z, Target.placed(z.shape[1], self.components, self.radius))


class Covariance:
    """The distance of the codes' covariance from that of a fixed mixture of Gaussians.

    Arguments:
        components, radius: as for the marginals.
    """

    min_batch_size = 2

    def __init__(self, components: int = COMPONENTS, radius: float = RADIUS) -> None:
        self.components, self.radius = components, radius

    def __call__(self, trace: Trace, autoencoder: Autoencoder) -> Float[Tensor, ""]:  # noqa: ARG002
        """The squared distance; 0 for a last batch of validation that is too small for one."""
        z = gather(trace.z)
        if len(z) < 2 and trace.batch.step is None:
            return z.new_zeros(())
        return covariance_distance(z, Target.placed(z.shape[1], self.components, self.radius))


PENALTIES = {"marginals": Marginals, "covariance": Covariance}
