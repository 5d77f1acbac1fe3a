r"""Differential entropy from a sample: the nearest-neighbour estimator of Kozachenko and Leonenko.

.. math::
    \hat H_k(z_1, \dots, z_n) = \frac dn \sum_{i=1}^n \log R_i^{(k)} + \log B_d + \psi(n) - \psi(k), \qquad
    B_d = \frac{\pi^{d/2}}{\Gamma(d/2 + 1)}

in nats, where :math:`R_i^{(k)}` is the distance from :math:`z_i` to its k-th nearest neighbour, :math:`B_d` the volume
of the unit ball, :math:`\psi` the digamma function. For k = 1 this is the formula of the EAE paper with
:math:`\psi(n)` in place of :math:`\log(n - 1)`, which is smaller by about 1/2n, and :math:`-\psi(1) = \gamma`: the
logarithm of the probability within :math:`R_i^{(k)}` has exactly the mean :math:`\psi(k) - \psi(n)`.

**Bias.** The estimator takes the density for constant within each :math:`R_i^{(k)}`. It is consistent; to leading order
the bias falls as :math:`n^{-2/d}`, for distributions with an edge as :math:`n^{-1/d}`. Measured from n = 250 to 4,000,
the exponents for a uniform distribution in 4, 8 and 16 dimensions are -0.26, -0.16 and -0.08, with +2.9 nats left in
16; N(0, I) and a Laplace distribution in 16 dimensions, where the leading order does not yet rule, fall from +0.68 to
+0.27 and from +0.94 to +0.49 (-0.33 and -0.23), and stay within 0.1 in 8 dimensions and fewer. At n = 100, the size of
a batch, it is +0.85 for N(0, I) in 16. Compare estimates with those of as many draws of the distribution in question,
not with its entropy.

**Gradients** flow through the distances, :math:`\partial \hat H / \partial z_i` pushing near neighbours apart, and not
through the choice of neighbours, which is piecewise constant.

Source: Sample estimate of the entropy of a random vector (Kozachenko, Leonenko, 1987); k neighbours: Estimating mutual
information (Kraskov, Stögbauer, Grassberger, 2004), https://doi.org/10.1103/PhysRevE.69.066138; as a regulariser:
Ghose, Rashwan, Poupart, UAI 2020, section 3.2, https://arxiv.org/abs/2002.10631.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from noiseless.errors import InputError

__all__ = ["entropy"]

ROWS = 2048
"""Rows of the matrix of distances that are held at a time."""


def entropy(z: Float[Tensor, "n d"], k: int = 1) -> Float[Tensor, ""]:
    r"""The estimate :math:`\hat H_k` of the entropy of the distribution that the rows of ``z`` were drawn from, in nats.

    Duplicates are no obstacle: a distance counts as at least the rounding error of the codes' spread.

    Arguments:
        z: a sample, in float32 or better; differentiable.
        k: which nearest neighbour, from 1 to n - 1.

    Raises:
        InputError: not more than ``k`` rows.

    >>> z = torch.randn(4000, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    >>> print(f"{entropy(z):.2f}, of N(0, I) {math.log(2 * math.pi * math.e):.2f}")
    2.84, of N(0, I) 2.84
    """
    n, d = z.shape
    if not 1 <= k < n:
        raise InputError(f"neighbour {k} of {n} codes was asked for; it must lie between 1 and the codes less one")
    apart = (z - z[_neighbours(z.detach(), k)]).square().sum(dim=1)
    spread = z.detach().var(dim=0).sum()
    floor = (torch.finfo(z.dtype).eps ** 2 * spread).clamp_min(torch.finfo(z.dtype).tiny)
    logs = torch.maximum(apart, floor).log().mean() / 2
    ball = d / 2 * math.log(math.pi) - math.lgamma(d / 2 + 1)
    return d * logs + ball + _digamma(n) - _digamma(k)


def _neighbours(z: Tensor, k: int) -> Int[Tensor, " n"]:
    """Which row is the k-th nearest of each: distances by one matrix product, up to what is the same for a row."""
    centred = z - z.mean(dim=0)
    squares = centred.square().sum(dim=1)
    found = []
    for start in range(0, len(z), ROWS):
        part = slice(start, start + ROWS)
        distances = torch.addmm(squares, centred[part], centred.T, alpha=-2)
        distances.diagonal(start).fill_(math.inf)
        nearest = distances.min(dim=1) if k == 1 else distances.kthvalue(k, dim=1)
        found.append(nearest.indices)
    return torch.cat(found)


def _digamma(n: int) -> float:
    return torch.digamma(torch.tensor(float(n), dtype=torch.float64)).item()
