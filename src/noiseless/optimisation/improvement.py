r"""Expected improvement (EI), and greedy batches of points.

For a function value with mean :math:`\mu` and standard deviation :math:`\sigma`, and the lowest value so far
:math:`\tau`,

.. math:: \text{EI} = \mathbb E \max(\tau - f, 0) = \sigma \, h(s), \qquad h(s) = \varphi(s) + s \, \Phi(s), \quad
          s = \frac{\tau - \mu}{\sigma},

computed as a logarithm, because EI itself can underflow to 0.

A batch is chosen greedily: first the point of the largest EI, then the point of the largest EI given that the function
takes its expected value at the first point (the kriging believer), and so on. Conditioning on the mean leaves all means
unchanged; it changes the variances to those given the points :math:`X` chosen so far,

.. math:: \sigma^2(x \mid X) = c(x, x) - c(x, X) \, [c(X, X) + \epsilon I]^{-1} c(X, x).

Each point is the best of a set of candidates, which is the same for the whole batch, refined by L-BFGS-B within the
box. :math:`\tau` is the lowest mean in the box, found in the same way, and not the lowest observation.

References: D. Ginsbourger, R. Le Riche, L. Carraro, Kriging is well-suited to parallelize optimization, 2010; for
stable logarithms: S. Ament et al., Unexpected improvements to expected improvement, 2023,
https://arxiv.org/abs/2310.20708.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float64
from scipy.optimize import minimize
from torch import Tensor, nn

from noiseless.optimisation.sparse_gp import JITTER, Posterior, Progress, silent

__all__ = ["Believer", "greedy", "log_expected_improvement", "lowest"]

Box = tuple[Float64[Tensor, " d"], Float64[Tensor, " d"]]
Function = Callable[[Tensor], Tensor]
FAR = -1e3
ITERATIONS = 150


def log_expected_improvement(
    mean: Float64[Tensor, " n"], variance: Float64[Tensor, " n"], lowest: float
) -> Float64[Tensor, " n"]:
    r""":math:`\log (\sigma h(s))`, accurate to rounding for any :math:`s`.

    >>> mean, variance = torch.tensor([[0.0, 50.0], [1.0, 1.0]], dtype=torch.float64)
    >>> [round(gain, 4) for gain in log_expected_improvement(mean, variance, 0.0).tolist()]
    [-0.9189, -1258.7442]
    """
    deviation = variance.sqrt()
    return _log_h((lowest - mean) / deviation) + deviation.log()


def _log_h(s: Float64[Tensor, " n"]) -> Float64[Tensor, " n"]:
    r"""By definition for s > -1, else as :math:`\varphi(s) (1 - |s| \sqrt{\pi/2} \, \text{erfcx}(|s| / \sqrt 2))`.

    For very negative s, where the bracket suffers from cancellation, it is replaced by its limit :math:`1 / s^2`.
    """
    near, middle, far = s.clamp(min=-1), s.clamp(FAR, -1), s.clamp(max=FAR)
    log_phi = -0.5 * s.square() - 0.5 * math.log(2 * math.pi)
    above = (_phi(near) + near * torch.special.ndtr(near)).log()
    below = torch.log1p(middle * math.sqrt(math.pi / 2) * torch.special.erfcx(-middle / math.sqrt(2)))
    return torch.where(s > -1, above, log_phi + torch.where(s > FAR, below, -2 * far.abs().log()))


def _phi(s: Tensor) -> Tensor:
    return (-0.5 * s.square()).exp() / math.sqrt(2 * math.pi)


@dataclass
class Believer:
    r"""Variances given that the function is known at the points chosen so far.

    Rows of :math:`R^{-1} c(X, \cdot)`, with R the Cholesky factor of :math:`c(X, X) + \epsilon I`, are stored, so that
    each further point only adds one row.

    Arguments:
        posterior: the distribution of the function.
        x: points at which variances are computed, after each chosen point.

    Attributes:
        chosen: the points chosen so far.
    """

    posterior: Posterior
    x: Float64[Tensor, "n d"]
    chosen: Float64[Tensor, "q d"] = field(init=False)

    def __post_init__(self) -> None:
        self.chosen = self.x[:0]
        self.mean, self.variance = self.posterior.mean_and_variance(self.x)
        self._projected = self.posterior.cross(self.x, self.posterior.z) @ self.posterior.b
        self._chosen_projected = self._projected[:0]
        self._rows = self.x.new_zeros(0, len(self.x))
        self._root = self.x.new_zeros(0, 0)

    def believe(self, point: Float64[Tensor, "1 d"]) -> None:
        """Conditions on the function's mean at one more point."""
        k = self.posterior.cross(point, self.posterior.z)
        row, variance = self._solve(point, k), self.posterior.mean_and_variance(point)[1]
        scale = (variance - row.square().sum()).clamp_min(self.posterior.least) + JITTER * self.posterior.amplitude
        scale = scale.sqrt()
        covariance = self.posterior.cross(self.x, point)[:, 0] - self._projected @ k[0]
        new = (covariance - row @ self._rows) / scale
        self._rows = torch.cat([self._rows, new[None]])
        self._root = torch.cat([nn.functional.pad(self._root, (0, 1)), torch.cat([row, scale])[None]])
        self._chosen_projected = torch.cat([self._chosen_projected, k @ self.posterior.b])
        self.chosen = torch.cat([self.chosen, point])
        self.variance = (self.variance - new.square()).clamp_min(self.posterior.least)

    def at(self, point: Float64[Tensor, "1 d"]) -> tuple[Float64[Tensor, " 1"], Float64[Tensor, " 1"]]:
        """Mean and variance at another point; differentiable."""
        k = self.posterior.cross(point, self.posterior.z)
        variance = (
            self.posterior.amplitude
            - torch.linalg.vecdot(k @ self.posterior.b, k)
            - self._solve(point, k).square().sum()
        )
        return k @ self.posterior.a, variance.clamp_min(self.posterior.least)

    def _solve(self, point: Float64[Tensor, "1 d"], k: Float64[Tensor, "1 m"]) -> Float64[Tensor, " q"]:
        r""":math:`R^{-1} c(X, x)`."""
        covariance = self.posterior.cross(self.chosen, point) - self._chosen_projected @ k.T
        return torch.linalg.solve_triangular(self._root, covariance, upper=False)[:, 0]


def greedy(
    posterior: Posterior,
    candidates: Float64[Tensor, "n d"],
    box: Box,
    size: int,
    tell: Progress = silent,
) -> Float64[Tensor, "q d"]:
    """A batch of ``size`` points.

    Arguments:
        posterior: the distribution of the function.
        candidates: points in the box, the best of which is refined.
        box: lower and upper bounds of every dimension.
        size: number of points.
        tell: receives the number of points chosen so far and the total.
    """
    believer = Believer(posterior, candidates)
    threshold = lowest(posterior, candidates, box)
    for chosen in range(size):
        gains = log_expected_improvement(believer.mean, believer.variance, threshold)
        start = candidates[gains.argmax()]
        believer.believe(_descend(lambda x: -log_expected_improvement(*believer.at(x), threshold), start, box)[0])
        tell(chosen + 1, size)
    return believer.chosen


def lowest(posterior: Posterior, candidates: Float64[Tensor, "n d"], box: Box) -> float:
    """The lowest mean in the box, found by descent from the best of the candidates."""
    means = posterior.mean_and_variance(candidates)[0]
    return _descend(lambda x: posterior.mean_and_variance(x)[0], candidates[means.argmin()], box)[1]


def _descend(function: Function, start: Float64[Tensor, " d"], box: Box) -> tuple[Float64[Tensor, "1 d"], float]:
    """The point that L-BFGS-B reaches from ``start``, and the value there."""

    def value_and_slope(numbers: np.ndarray) -> tuple[float, np.ndarray]:
        x = torch.from_numpy(numbers).clone()[None].requires_grad_()
        value = function(x).sum()
        (slope,) = torch.autograd.grad(value, x)
        return value.item(), slope[0].numpy()

    bounds = list(zip(box[0].tolist(), box[1].tolist(), strict=True))
    found = minimize(
        value_and_slope, start.numpy(), jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": ITERATIONS}
    )
    return torch.from_numpy(found.x)[None], float(found.fun)
