r"""Statistics of a latent space: how far a set of codes is from N(0, I), the distribution of isotropic samples.

For :math:`n` codes :math:`z_i \in \mathbb R^d` with mean :math:`m` and unbiased covariance :math:`C`, and independent
:math:`Z, Z' \sim N(0, I)`:

* the **entropy** estimate :math:`\hat H_1` of :mod:`noiseless.metrics.entropy`, in nats. It is biased, by +0.85 at
  d = 16 and n = 100: compare it with the estimate from as many samples of N(0, I), not with
  :math:`\tfrac d2 \log 2 \pi e`;
* the squared **energy** distance to N(0, I) itself, in the units of the codes,

  .. math:: \hat E = \frac 2n \sum_i \mathbb E \|z_i - Z\| - \mathbb E \|Z - Z'\|
            - \frac{1}{n (n - 1)} \sum_{i \ne j} \|z_i - z_j\|,

  unbiased, hence 0 in expectation (and sometimes negative) for samples of N(0, I) at any n and d. The distance itself
  is 0 for N(0, I) and positive for any other distribution. It needs no bandwidth, and its terms do not vanish in high
  dimensions, unlike the Gaussian kernels of Henze and Zirkler's statistic;
* the **shape**: the same distance after standardisation to mean 0 and covariance I within the directions in which the
  codes vary. It is invariant under affine maps and measures whether the codes are Gaussian at all. Because mean and
  covariance are estimated from the same codes, it is slightly below 0 for Gaussian codes;
* **nac**, the normalised absolute covariance, which is 0 for uncorrelated dimensions and about
  :math:`\sqrt{2 / \pi n}` when estimated from n samples of them,

  .. math:: \mathrm{NAC} = \frac{1}{a (a - 1)} \sum_{i \ne j} \frac{|C_{ij}|}{\sqrt{C_{ii} C_{jj}}}
            \quad \text{over the } a \text{ active dimensions};

* **active** dimensions: those with :math:`C_{jj} > 0.01`, on the scale of N(0, I).

These statistics describe a single set of codes and are not distances between real and generated data, so the module has
no ``measure`` and adds no columns to the rows of an evaluation.

Sources: energy distance as a test of normality: Székely and Rizzo, "A new test for multivariate normality", Journal of
Multivariate Analysis 2005, https://doi.org/10.1016/j.jmva.2003.12.002 (biased form, times n); active dimensions: Burda,
Grosse and Salakhutdinov, "Importance Weighted Autoencoders", ICLR 2016, https://arxiv.org/abs/1509.00519; NAC: Mondal
et al., "MaskAAE", UAI 2020, https://arxiv.org/abs/1912.04564, whose exact normalisation we could not read.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from noiseless.errors import InputError
from noiseless.metrics.entropy import entropy
from noiseless.metrics.frechet import FeatureMoments

__all__ = ["ACTIVE", "active", "draws", "energy", "latent_statistics", "nac", "normal_entropy", "shape"]

ACTIVE = 0.01
"""Variance above which a dimension is active."""
FLAT = 1e-10
"""Fraction of the largest variance that float32 rounding can produce in a direction without variation."""
ROWS = 1024


KEYS = {
    "entropy": "estimate in nats; as high as that of N(0, I) is best",
    "energy": "squared energy distance to N(0, I), about 0 for its draws; lower is better",
    "shape": "the same after standardisation, about 0 for any Gaussian",
    "nac": "mean absolute correlation of the active dimensions, 0 to 1",
    "active": "dimensions with a variance above 0.01",
    "|mean|": "largest absolute mean over the dimensions",
    "min var": "smallest variance over the dimensions",
    "max var": "largest variance over the dimensions",
}
"""What the columns mean, in a line each."""


def latent_statistics(z: Float[Tensor, "n d"], threshold: float = ACTIVE) -> dict[str, Any]:
    """All statistics listed in the module's docstring, as one row of a table.

    Arguments:
        z: the codes, 2 or more; a single dimension, constant dimensions and equal codes are allowed.
        threshold: as for :func:`active`.

    Returns:
        ``entropy`` (in nats; the lowest representable value if all codes are equal), ``energy``, ``shape``, ``nac`` and
        ``active``, where None means that a statistic is undefined; ``mean`` and ``variance``, d numbers each; and their
        extremes ``|mean|`` (the largest), ``min var`` and ``max var``.

    Raises:
        InputError: there are fewer than 2 codes or no dimensions, or the codes are not finite.
    """
    z = _checked(z)
    mean, variance = z.mean(dim=0), z.var(dim=0)
    return {
        "entropy": float(entropy(z)),
        "energy": energy(z),
        "shape": shape(z),
        "nac": nac(z, threshold),
        "active": int(active(z, threshold).sum()),
        "|mean|": float(mean.abs().max()),
        "min var": float(variance.min()),
        "max var": float(variance.max()),
        "mean": mean.tolist(),
        "variance": variance.tolist(),
    }


def draws(n: int, d: int, seed: int) -> Float64[Tensor, "n d"]:
    """``n`` samples of N(0, I), whose statistics serve as the reference for those of the codes."""
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def normal_entropy(d: int) -> float:
    r"""The entropy :math:`\tfrac d2 \log 2 \pi e` of N(0, I), in nats."""
    return d / 2 * math.log(2 * math.pi * math.e)


def energy(z: Float[Tensor, "n d"]) -> float:
    r"""The unbiased squared energy distance :math:`\hat E` to N(0, I); invariant under rotations.

    Takes time :math:`O(n^2 d)` (two seconds for 10,000 codes of 128 dimensions on one core) and memory :math:`O(n)`.

    Raises:
        InputError: as :func:`latent_statistics`.
    """
    z = _checked(z)
    n, d = z.shape
    within = 2 * math.exp(math.lgamma((d + 1) / 2) - math.lgamma(d / 2))
    return float(2 * _to_normal(z).mean() - within - _pairs(z) / (n * (n - 1) / 2))


def shape(z: Float[Tensor, "n d"]) -> float | None:
    """The energy distance of the standardised codes; None unless there are at least 2 more codes than directions.

    Directions whose variance is less than :data:`FLAT` times the largest are left out, and the rest is compared with a
    normal distribution of correspondingly fewer dimensions.

    Raises:
        InputError: as :func:`latent_statistics`.
    """
    z = _checked(z)
    variances, axes = torch.linalg.eigh(FeatureMoments.of(z).covariance)
    kept = variances > FLAT * variances[-1]
    rank = int(kept.sum())
    if not variances[-1] > 0 or len(z) < rank + 2:
        return None
    return energy((z - z.mean(dim=0)) @ axes[:, kept] / variances[kept].sqrt())


def nac(z: Float[Tensor, "n d"], threshold: float = ACTIVE) -> float | None:
    r"""The normalised absolute covariance, from 0 to 1; None with fewer than 2 active dimensions.

    >>> print(f"{nac(torch.tensor([[0.0, 0.0, 5.0], [1.0, -1.0, 5.0]])):.3f}")  # the constant dimension is not active
    1.000

    Arguments:
        z: the codes.
        threshold: as for :func:`active`.

    Raises:
        InputError: as :func:`latent_statistics`.
    """
    covariance = FeatureMoments.of(_checked(z)[:, active(z, threshold)]).covariance
    a = len(covariance)
    if a < 2:
        return None
    scales = covariance.diagonal().sqrt()
    correlation = (covariance / torch.outer(scales, scales)).abs().clamp_max(1)
    return float((correlation.sum() - correlation.trace()) / (a * (a - 1)))


def active(z: Float[Tensor, "n d"], threshold: float = ACTIVE) -> Bool[Tensor, " d"]:
    r"""Which dimensions vary over the data: those with :math:`C_{jj}` above the threshold.

    The threshold is in the units of the codes. Burda et al.'s 0.01 is meant for mean codes of models with the prior
    N(0, I); if a method does not constrain the scale of the codes, all of them may lie above it, or below.

    Arguments:
        z: the codes.
        threshold: a variance, 0 or more.

    Raises:
        InputError: as :func:`latent_statistics`, or the threshold is negative.
    """
    if not threshold >= 0:
        raise InputError(f"the threshold for active dimensions must be a variance, 0 or more, not {threshold}")
    return _checked(z).var(dim=0) > threshold


def _checked(z: Tensor) -> Float64[Tensor, "n d"]:
    n, d = z.shape
    if n < 2 or d < 1:
        raise InputError(f"latent statistics need at least 2 codes of at least 1 dimension, not {n} of {d}")
    broken = int((~z.isfinite()).any(dim=1).sum())
    if broken:
        raise InputError(f"{broken} of {n} codes are not finite; check the model")
    return z.double()


def _to_normal(z: Float64[Tensor, "n d"]) -> Float64[Tensor, " n"]:
    r""":math:`\mathbb E \|z_i - Z\|`, the mean of a noncentral :math:`\chi` distribution, to a relative error of 1e-9.

    For :math:`X = \|z - Z\|^2` with mean :math:`\mu = d + \|z\|^2` and Laplace transform
    :math:`\varphi(t) = (1 + 2t)^{-d/2} \exp(-\|z\|^2 t / (1 + 2t))`,

    .. math:: \frac{\mathbb E \sqrt X}{\sqrt \mu} = 1 - \frac{1}{2 \sqrt \pi} \int_{-\infty}^\infty
              \big(\varphi(e^y / \mu) - e^{-e^y}\big) e^{-y/2} \, dy,

    by the trapezoidal rule, whose error falls exponentially for such integrands. (scipy's 1F1 overflows at d = 128.)
    """
    step = 0.25
    y = torch.arange(-16, 24, step, dtype=torch.float64)
    squares = z.square().sum(dim=1, keepdim=True)
    mean = z.shape[1] + squares
    t = y.exp() / mean
    transform = torch.exp(-z.shape[1] / 2 * torch.log1p(2 * t) - squares * t / (1 + 2 * t))
    integral = ((transform - (-y.exp()).exp()) * (-y / 2).exp()).sum(dim=1) * step
    return mean.squeeze(1).sqrt() * (1 - integral / (2 * math.sqrt(math.pi)))


def _pairs(z: Float64[Tensor, "n d"]) -> Float64[Tensor, ""]:
    r""":math:`\sum_{i < j} \|z_i - z_j\|`, computed for some rows of the distance matrix at a time."""
    centred = z - z.mean(dim=0)
    total = z.new_zeros(())
    for start in range(0, len(z), ROWS):
        rows, later = centred[start : start + ROWS], centred[start + ROWS :]
        total += torch.pdist(rows).sum() + torch.cdist(rows, later).sum()
    return total
