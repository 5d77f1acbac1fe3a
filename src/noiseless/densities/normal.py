r"""Gaussian distributions on codes: the standard normal, and the Gaussian with the codes' mean and covariance.

.. math:: N(0, I), \qquad N(\bar z, S), \qquad
    \bar z = \frac1n \sum_i z_i, \quad S = \frac1{n - 1} \sum_i (z_i - \bar z)(z_i - \bar z)^\top.

The first has no fitted parameters: it is appropriate for models that regularise their codes towards it (KL, MMD,
entropy under batch norm), and a baseline that mostly fails for the others. The second is the column "N" of Ghosh et al.
for deterministic models.

:math:`S` may be singular: if a dimension is constant, if there are no more codes than dimensions, or if two dimensions
are proportional. With :math:`S = V \Lambda V^\top`, the samples :math:`\bar z + V \Lambda^{1/2} V^\top \varepsilon`
need no inverse, no jitter and no Cholesky factorisation, which could fail; they lie in the affine subspace of the
codes. Then there is no density with respect to Lebesgue measure, so ``log_prob`` raises an error, and ``note`` gives
the rank.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from noiseless.densities.density import LatentDensity, checked
from noiseless.errors import InputError

__all__ = ["DENSITIES", "Gaussian", "Normal"]


class Normal(LatentDensity):
    r"""The standard normal N(0, I), whatever the codes.

    .. math:: \log p(z) = -\tfrac12 \lVert z \rVert^2 - \tfrac d2 \log 2\pi

    Arguments:
        dim: the dimension :math:`d` of the codes.
    """

    def fit(self, z: Float[Tensor, "n d"], generator: torch.Generator) -> Normal:  # noqa: ARG002
        """Validates the codes and records their number; nothing is fitted."""
        self.n.fill_(len(checked(z, self.dim)))
        return self

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n d"]:
        """Samples of N(0, I)."""
        return standard(n, self.dim, generator).to(self.n.device, torch.float32)

    def log_prob(self, z: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
        """See the class."""
        return -(z.double().square() + math.log(2 * math.pi)).sum(dim=1) / 2


class Gaussian(LatentDensity):
    r"""A Gaussian with the codes' mean and full covariance.

    .. math:: \log p(z) = -\tfrac12 \sum_j \Big(\frac{(V^\top (z - \bar z))_j^2}{\lambda_j} + \log 2\pi\lambda_j\Big)

    Eigenvalues :math:`\lambda_j \le \max(n, d)\, \epsilon\, \lambda_1` (:math:`\epsilon` of float64) are treated as
    zero.

    Arguments:
        dim: the dimension :math:`d` of the codes.

    Attributes:
        mean: :math:`\bar z`, shape (d,).
        axes: :math:`V`, shape (d, d), the principal axes as columns.
        scales: :math:`\Lambda^{1/2}`, shape (d,), in ascending order.
    """

    mean: Tensor
    axes: Tensor
    scales: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__(dim)
        self.register_buffer("mean", torch.zeros(dim, dtype=torch.float64))
        self.register_buffer("axes", torch.eye(dim, dtype=torch.float64))
        self.register_buffer("scales", torch.zeros(dim, dtype=torch.float64))

    def fit(self, z: Float[Tensor, "n d"], generator: torch.Generator) -> Gaussian:  # noqa: ARG002
        """Estimates mean and covariance; if the covariance is singular, ``note`` says so.

        Raises:
            InputError: as :func:`~noiseless.densities.density.checked`.
        """
        z = checked(z, self.dim)
        mean = z.mean(dim=0)
        variances, axes = torch.linalg.eigh((z - mean).T @ (z - mean) / (len(z) - 1))
        least = max(z.shape) * torch.finfo(z.dtype).eps * variances[-1]
        self.mean.copy_(mean)
        self.axes.copy_(axes)
        self.scales.copy_(torch.where(variances > least, variances, 0).sqrt())
        self.n.fill_(len(z))
        self.note = self._note()
        return self

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n d"]:
        r"""Samples :math:`\bar z + V \Lambda^{1/2} V^\top \varepsilon`; the covariance may be singular."""
        self.require_fit()
        noise = standard(n, self.dim, generator).to(self.mean)
        return (self.mean + noise @ self.axes * self.scales @ self.axes.T).float()

    def log_prob(self, z: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
        """See the class.

        Raises:
            InputError: the covariance is singular, so that there is no density.
        """
        self.require_fit()
        if self.note:
            raise InputError(f"this Gaussian has no log-density: {self.note}")
        white = (z.to(self.mean) - self.mean) @ self.axes / self.scales
        return -(white.square() + math.log(2 * math.pi)).sum(dim=1) / 2 - self.scales.log().sum()

    def _note(self) -> str:
        rank = int((self.scales > 0).sum())
        if rank == self.dim:
            return ""
        return (
            f"the covariance of {int(self.n)} codes has rank {rank} in {self.dim} dimensions; "
            f"samples lie in the {rank}-dimensional subspace of the codes"
        )


def standard(n: int, dim: int, generator: torch.Generator) -> Float[Tensor, "n d"]:
    """Samples of N(0, I) in float64, on the device of the generator."""
    return torch.randn(n, dim, generator=generator, device=generator.device, dtype=torch.float64)


def draw_seed(generator: torch.Generator) -> int:
    """A seed drawn from ``generator``, for functions that take no generator."""
    return int(torch.randint(2**31 - 1, (), generator=generator, device=generator.device))


DENSITIES: dict[str, Callable[[int], LatentDensity]] = {"normal": Normal, "gaussian": Gaussian}
