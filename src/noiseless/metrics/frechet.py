r"""Fréchet distance between two Gaussians with the means and covariances of two samples.

.. math:: d^2 = \|m_1 - m_2\|^2 + \operatorname{tr} C_1 + \operatorname{tr} C_2
          - 2 \operatorname{tr} \big(C_1^{1/2} C_2\, C_1^{1/2}\big)^{1/2}

This is the squared 2-Wasserstein distance of two Gaussians. With the features of Inception-v3 the literature calls it
the Fréchet inception distance. Covariances are unbiased (divided by :math:`n - 1`).

Everything is computed in float64. The matrix under the root is symmetric, and its root is computed from symmetric
eigendecompositions whose eigenvalues are clipped at zero, so the complex roots of :math:`(C_1 C_2)^{1/2}` cannot occur.
If a sample has fewer rows than features, then with :math:`C_i = A_i^\top A_i` for the centred rows :math:`A_i = (X_i -
m_i) / \sqrt{n_i - 1}` the last trace is the nuclear norm of the small matrix :math:`A_1 A_2^\top`, and no covariance is
computed.

The estimate is biased upwards by a term of order :math:`1/n` that depends on the distributions, so numbers at different
:math:`n` cannot be compared. With fewer rows than features the covariance is singular, and a caution accompanies the
number.

Reference: Dowson and Landau, "The Fréchet distance between multivariate normal distributions", Journal of
Multivariate Analysis 1982, https://doi.org/10.1016/0047-259X(82)90077-X; Heusel et al., "GANs Trained by a Two
Time-Scale Update Rule Converge to a Local Nash Equilibrium", NeurIPS 2017, https://arxiv.org/abs/1706.08500.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from noiseless.errors import InputError
from noiseless.metrics.sample import Sample

__all__ = ["FeatureMoments", "cautions", "distance", "frechet_distance", "measure", "moments"]


@dataclass(frozen=True, eq=False)
class FeatureMoments:
    r"""Count, mean and scatter matrix of a set; those of a union are the sum of those of its parts.

    For two sets :math:`a, b` and :math:`\delta = m_b - m_a`,

    .. math:: n = n_a + n_b, \quad m = m_a + \tfrac{n_b}{n} \delta, \quad
              S = S_a + S_b + \tfrac{n_a n_b}{n} \delta \delta^\top.

    >>> x = torch.arange(12.0).reshape(6, 2)
    >>> parts = FeatureMoments.of(x[:2]) + FeatureMoments.of(x[2:])
    >>> torch.allclose(parts.covariance, x.double().T.cov())
    True

    Arguments:
        n: the number of rows.
        mean: their mean :math:`m`, shape (f).
        scatter: :math:`S = \sum_i (x_i - m)(x_i - m)^\top`, shape (f, f).

    Reference: Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances",
    1979, http://i.stanford.edu/pub/cstr/reports/cs/tr/79/773/CS-TR-79-773.pdf.
    """

    n: int
    mean: Float64[Tensor, " f"]
    scatter: Float64[Tensor, "f f"]

    @classmethod
    def of(cls, x: Float[Tensor, "n f"]) -> FeatureMoments:
        """The moments of at least one row."""
        mean = x.double().mean(0)
        centred = x.double() - mean
        return cls(len(x), mean, centred.T @ centred)

    def __add__(self, other: FeatureMoments) -> FeatureMoments:
        """The moments of the union."""
        n = self.n + other.n
        delta = other.mean - self.mean
        mean = self.mean + delta * (other.n / n)
        scatter = self.scatter + other.scatter + torch.outer(delta, delta) * (self.n * other.n / n)
        return FeatureMoments(n, mean, scatter)

    @property
    def covariance(self) -> Float64[Tensor, "f f"]:
        """The unbiased covariance.

        Raises:
            InputError: there are fewer than two rows.
        """
        if self.n < 2:
            raise InputError(f"a covariance needs at least 2 examples, not {self.n}")
        return self.scatter / (self.n - 1)


def distance(a: FeatureMoments, b: FeatureMoments) -> float:
    r"""Squared Fréchet distance :math:`d^2` of two Gaussians, at least 0.

    >>> distance(FeatureMoments.of(torch.tensor([[0.0], [2.0]])), FeatureMoments.of(torch.tensor([[3.0], [5.0]])))
    9.0
    """
    return _distance(
        a.mean, b.mean, a.covariance.trace(), b.covariance.trace(), _overlap(_root(a.covariance), b.covariance)
    )


def frechet_distance(real: Sample, fake: Sample) -> float:
    """Squared Fréchet distance of two samples of at least two examples each, by the cheaper of the two forms."""
    for sample in (real, fake):
        if sample.n < 2:
            raise InputError(f"the Fréchet distance needs at least 2 examples on either side, not {sample.n}")
    if min(real.n, fake.n) >= real.size:
        a, b = real.once(moments), fake.once(moments)
        overlap = _overlap(real.once(root), b.covariance)
        return _distance(a.mean, b.mean, a.covariance.trace(), b.covariance.trace(), overlap)
    (m, x), (k, y) = real.once(rows), fake.once(rows)
    return _distance(m, k, x.square().sum(), y.square().sum(), torch.linalg.svdvals(x @ y.T).sum())


def moments(sample: Sample) -> FeatureMoments:
    """The sample's moments."""
    return FeatureMoments.of(sample.features)


def root(sample: Sample) -> Float64[Tensor, "f f"]:
    """The symmetric square root of the sample's covariance."""
    return _root(sample.once(moments).covariance)


def rows(sample: Sample) -> tuple[Float64[Tensor, " f"], Float64[Tensor, "n f"]]:
    r"""The mean, and the centred rows divided by :math:`\sqrt{n - 1}`."""
    x = sample.features.double()
    return x.mean(0), (x - x.mean(0)) / (sample.n - 1) ** 0.5


KEYS = {
    "fd": "Fréchet distance of the features' Gaussians, from 0; lower is better",
}
"""What the columns mean, in a line each."""


def measure(real: Sample, fake: Sample, seed: int) -> dict[str, float | None]:  # noqa: ARG001
    """Column ``fd``."""
    return {"fd": frechet_distance(real, fake)}


def cautions(real: Sample, fake: Sample) -> list[str]:
    """Warns when a covariance is singular."""
    n = min(real.n, fake.n)
    if n > real.size:
        return []
    return [
        f"fd from {n} examples and {real.size} features rests on a singular covariance; "
        f"use more than {real.size} examples"
    ]


def _root(covariance: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    return (vectors * values.clamp_min(0).sqrt()) @ vectors.T


def _overlap(root: Tensor, covariance: Tensor) -> Tensor:
    r""":math:`\operatorname{tr} (R\, C R)^{1/2}` for a symmetric root :math:`R`."""
    product = root @ covariance @ root
    return torch.linalg.eigvalsh((product + product.T) / 2).clamp_min(0).sqrt().sum()


def _distance(m1: Tensor, m2: Tensor, t1: Tensor, t2: Tensor, overlap: Tensor) -> float:
    """The distance, clipped at zero, because rounding can make it slightly negative for equal distributions."""
    return max(0.0, float((m1 - m2).square().sum() + t1 + t2 - 2 * overlap))
