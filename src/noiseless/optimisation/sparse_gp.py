r"""A sparse Gaussian process, fitted on minibatches with the energy of approximate expectation propagation.

The function has the prior :math:`f \sim GP(0, k)` with the squared exponential kernel

.. math:: k(x, x') = s^2 \exp \Big(-\tfrac12 \sum_j \frac{(x_j - x'_j)^2}{\ell_j^2}\Big), \qquad
          y_i = f(x_i) + \varepsilon_i, \quad \varepsilon_i \sim N(0, \sigma^2),

and is represented by its values :math:`u` at :math:`M` inducing points, whose covariance is :math:`K` (with
:math:`10^{-3} s^2` added to the diagonal). The posterior of :math:`u` has the natural parameters :math:`K^{-1} + L
L^\top` and :math:`h`. Here :math:`L L^\top` and :math:`h` are the product of :math:`N` equal factors, one per example.
The cavity distribution, i.e. the posterior without one of these factors, has :math:`K^{-1} + c L L^\top` and :math:`c
h` with :math:`c = (N - 1) / N`. With :math:`\Phi` the log normaliser of a Gaussian with such parameters, the estimate
of the evidence is

.. math:: \log Z = \Phi_1 - \Phi_0 + \sum_{i=1}^N \big(\log Z_i + \Phi_c - \Phi_1\big), \qquad
          Z_i = N(y_i; m_c(x_i), v_c(x_i) + \sigma^2),

of which a minibatch gives an unbiased estimate. Neither :math:`K^{-1}` nor the determinant of :math:`K` is needed:
with :math:`S_c = I / c + L^\top K L`, :math:`B_c = L S_c^{-1} L^\top` and :math:`k_x` the covariances of :math:`f(x)`
and :math:`u`,

.. math:: m_c(x) = k_x^\top a_c, \quad a_c = c (h - B_c K h), \qquad v_c(x) = s^2 - k_x^\top B_c k_x, \\
          \Phi_c - \tfrac12 \log \det K = -\tfrac12 \log \det (c \, S_c)
             + \tfrac{c^2}2 \big(h^\top K h - g^\top S_c^{-1} g\big), \quad g = L^\top K h,

and the eigenvalues of :math:`S_c` are bounded away from 0. This, and closed-form gradients of the most expensive
products, make a step more than twice as fast as automatic differentiation of the definition.

Reference: T. D. Bui, J. M. Hernández-Lobato, D. Hernández-Lobato, Y. Li, R. E. Turner, Deep Gaussian processes for
regression using approximate expectation propagation, 2016, https://arxiv.org/abs/1602.04133 (one layer of it).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn

from noiseless.errors import InputError, RunError

__all__ = ["JITTER", "Posterior", "Progress", "SparseGP", "fit", "initial", "kernel", "silent"]

Progress = Callable[[int, int], None]
"""Receives progress: how much is done, and the total."""

JITTER = 1e-3
ROUNDING = 1e-12
SUBSET = 2000


def silent(_: int, __: int) -> None:
    """Ignores the progress."""


@dataclass(frozen=True)
class Posterior:
    r"""The posterior of :math:`f`: :math:`m(x) = k_x^\top a`, :math:`c(x, x') = k(x, x') - k_x^\top B k_{x'}`.

    Arguments:
        z: the inducing points, (M, d).
        log_squares: the logarithm of every :math:`\ell_j^2`.
        log_amplitude: the logarithm of :math:`s^2`.
        a, b: as in the formula; ``b`` is symmetric.
        noise: the variance :math:`\sigma^2` of the observation noise.
    """

    z: Float64[Tensor, "m d"]
    log_squares: Float64[Tensor, " d"]
    log_amplitude: Float64[Tensor, ""]
    a: Float64[Tensor, " m"]
    b: Float64[Tensor, "m m"]
    noise: float

    @property
    def amplitude(self) -> float:
        """The prior variance of the function, :math:`s^2`."""
        return float(self.log_amplitude.exp())

    @property
    def least(self) -> float:
        """A lower bound on computed variances: the rounding error of a variance of zero."""
        return ROUNDING * self.amplitude

    def cross(self, x: Float64[Tensor, "n d"], other: Float64[Tensor, "k d"]) -> Float64[Tensor, "n k"]:
        """The prior covariance between two sets of points."""
        return kernel(x, other, self.log_squares, self.log_amplitude)

    def mean_and_variance(self, x: Float64[Tensor, "n d"]) -> tuple[Float64[Tensor, " n"], Float64[Tensor, " n"]]:
        """The mean and variance of the function, without observation noise."""
        k = self.cross(x, self.z)
        variance = self.amplitude - torch.linalg.vecdot(k @ self.b, k)
        return k @ self.a, variance.clamp_min(self.least)

    def covariance(self, x: Float64[Tensor, "n d"], other: Float64[Tensor, "k d"]) -> Float64[Tensor, "n k"]:
        """The posterior covariance between two sets of points."""
        return self.cross(x, other) - self.cross(x, self.z) @ (self.b @ self.cross(other, self.z).T)


class SparseGP(nn.Module):
    r"""The fitted parameters; see the module's docstring.

    Arguments:
        z: initial inducing points, (M, d).
        squares: initial value of every squared length scale :math:`\ell_j^2`.
        l, h: initial natural parameters of the factors, (M, M) and (M,).
        noise: initial noise variance.
    """

    def __init__(
        self,
        z: Float64[Tensor, "m d"],
        squares: float,
        l: Float64[Tensor, "m m"],  # noqa: E741
        h: Float64[Tensor, " m"],
        noise: float = 1.0,
    ) -> None:
        super().__init__()
        self.z, self.l, self.h = nn.Parameter(z.clone()), nn.Parameter(l.clone()), nn.Parameter(h.clone())
        self.log_squares = nn.Parameter(z.new_full((z.shape[1],), math.log(squares)))
        self.log_amplitude = nn.Parameter(z.new_zeros(()))
        self.log_noise = nn.Parameter(z.new_tensor(math.log(noise)))

    def energy(self, x: Float[Tensor, "b d"], y: Float64[Tensor, " b"], total: int) -> Float64[Tensor, ""]:
        r""":math:`-\log Z / N`, estimated from a minibatch.

        Arguments:
            x, y: the minibatch. Everything that depends on it is computed in the precision of ``x``, the rest in
                float64.
            total: number of examples N.
        """
        c = (total - 1) / total
        products = self._products()
        phi, a, b = self._law(c, *products)
        phi_1, _ = self._normaliser(1.0, *products, self.l[:0])
        k = kernel(x, self.z.to(x), self.log_squares.to(x), self.log_amplitude.to(x))
        mean, reduction = (found.double() for found in _Predict.apply(k, a.to(x), b.to(x)))
        variance = self.log_amplitude.exp() - reduction + self.log_noise.exp()
        log_z = -0.5 * (variance.log() + math.log(2 * math.pi) + (y - mean).square() / variance)
        return -(phi_1 / total + log_z.mean() + phi - phi_1)

    @torch.no_grad()
    def posterior(self) -> Posterior:
        """The posterior of the function."""
        _, a, b = self._law(1.0, *self._products())
        z, squares, amplitude = (p.detach().clone() for p in (self.z, self.log_squares, self.log_amplitude))
        return Posterior(z, squares, amplitude, a, b, float(self.log_noise.exp()))

    def _products(self) -> tuple[Tensor, Tensor]:
        r""":math:`K h` and :math:`L^\top K L`."""
        k = kernel(self.z, self.z, self.log_squares, self.log_amplitude)
        k = k + JITTER * self.log_amplitude.exp() * torch.eye(len(k), dtype=k.dtype)
        return k @ self.h, _Gram.apply(k, self.l)

    def _law(self, c: float, kh: Tensor, gram: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        r""":math:`\Phi_c`, :math:`a_c` and :math:`B_c`."""
        phi, b = self._normaliser(c, kh, gram, self.l)
        return phi, c * (self.h - b @ kh), b

    def _normaliser(self, c: float, kh: Tensor, gram: Tensor, l: Tensor) -> tuple[Tensor, Tensor]:  # noqa: E741
        r""":math:`\Phi_c - \tfrac12 \log \det K` (up to a constant) and :math:`B_c`, for some rows of L."""
        eye = torch.eye(len(gram), dtype=gram.dtype)
        log_det, squared, b = _Solved.apply(gram + eye / c, self.l.T @ kh, l)
        return 0.5 * (c * c * (self.h @ kh - squared) - log_det - len(gram) * math.log(c)), b


def kernel(
    x: Float[Tensor, "n d"],
    other: Float[Tensor, "k d"],
    log_squares: Float[Tensor, " d"],
    log_amplitude: Float[Tensor, ""],
) -> Float[Tensor, "n k"]:
    """The squared exponential kernel; its exponent is one matrix product of points extended by two columns."""
    scale = (-0.5 * log_squares).exp()
    left, right = x * scale, other * scale
    norms = [-0.5 * points.square().sum(dim=1, keepdim=True) for points in (left, right)]
    left = torch.cat([left, norms[0] + log_amplitude, torch.ones_like(norms[0])], dim=1)
    right = torch.cat([right, torch.ones_like(norms[1]), norms[1]], dim=1)
    return (left @ right.T).exp()


def initial(x: Float64[Tensor, "n d"], y: Float64[Tensor, " n"], inducing: int, generator: torch.Generator) -> SparseGP:
    """The initial parameters, as in the public code of Kusner et al. (2017).

    Inducing points and h are a random subset of the data, squared length scales are half the median squared distance,
    the entries of L are standard normal, s and the noise are 1.
    """
    order = torch.randperm(len(x), generator=generator)
    points = order[:inducing]
    median = torch.pdist(x[order[:SUBSET]]).median().square()
    l = torch.randn(len(points), len(points), generator=generator, dtype=torch.float64)  # noqa: E741
    return SparseGP(x[points], 0.5 * (float(median) + 1e-3), l, y[points])


def fit(
    x: Float64[Tensor, "n d"],
    y: Float64[Tensor, " n"],
    generator: torch.Generator,
    *,
    inducing: int = 500,
    epochs: int = 50,
    batch: int = 5000,
    lr: float = 5e-4,
    single: bool = True,
    tell: Progress = silent,
) -> Posterior:
    """Minimises the energy by Adam over minibatches.

    Arguments:
        x, y: the data, 2 examples or more.
        generator: the source of the random initialisation and minibatches.
        inducing: number of inducing points; all data if there are fewer.
        epochs, batch, lr: passes over the data, batch size, and Adam's learning rate.
        single: compute minibatches in float32, which is faster; the matrices of the inducing points stay in float64.
        tell: receives the number of steps taken and the total.

    Raises:
        InputError: an option is out of range.
        RunError: the energy became infinite or NaN.
    """
    if min(inducing, epochs, batch) < 1 or not lr > 0:
        raise InputError(f"inducing, epochs and batch are {inducing}, {epochs}, {batch}, lr {lr}; all must be positive")
    gp = initial(x, y, inducing, generator)
    inputs = x.float() if single else x
    adam = torch.optim.Adam(gp.parameters(), lr=lr)
    steps = -(-len(x) // batch)
    for step in range(epochs * steps):
        if step % steps == 0:
            order = torch.randperm(len(x), generator=generator).split(batch)
        rows = order[step % steps]
        energy = gp.energy(inputs[rows], y[rows], len(x)) * (len(rows) / batch)  # a smaller last batch counts less
        if not energy.isfinite():
            raise RunError(f"the Gaussian process's energy became {energy.item()} in step {step + 1}; lower its lr")
        adam.zero_grad()
        energy.backward()
        adam.step()
        tell(step + 1, epochs * steps)
    return gp.posterior()


class _Gram(torch.autograd.Function):
    r""":math:`L^\top K L` for a symmetric K; the product K L is reused in the backward pass."""

    @staticmethod
    def forward(ctx: Any, k: Tensor, l: Tensor) -> Tensor:  # noqa: E741
        kl = k @ l
        ctx.save_for_backward(l, kl)
        return l.T @ kl

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, towards: Tensor) -> tuple[Tensor, Tensor]:
        l, kl = ctx.saved_tensors  # noqa: E741
        return l @ towards @ l.T, kl @ (towards + towards.T)


class _Solved(torch.autograd.Function):
    r""":math:`\log \det S`, :math:`g^\top S^{-1} g` and :math:`L S^{-1} L^\top`; reuses L S⁻¹ in the backward pass."""

    @staticmethod
    def forward(ctx: Any, s: Tensor, g: Tensor, l: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # noqa: E741
        root = torch.linalg.cholesky(s)
        inverse = torch.cholesky_inverse(root)
        solved, right = inverse @ g, l @ inverse
        ctx.save_for_backward(inverse, solved, right)
        return 2 * root.diagonal().log().sum(), g @ solved, right @ l.T

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, log_det: Tensor, squared: Tensor, towards: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        inverse, solved, right = ctx.saved_tensors
        half = 0.5 * (towards + towards.T) @ right
        towards_s = (log_det * inverse).addr_(solved, -squared * solved).addmm_(right.T, half, alpha=-1)
        return towards_s, 2 * squared * solved, 2 * half


class _Predict(torch.autograd.Function):
    r""":math:`K a` and the diagonal of :math:`K B K^\top` for a symmetric B; reuses K B in the backward pass."""

    @staticmethod
    def forward(ctx: Any, k: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        kb = k @ b
        ctx.save_for_backward(k, a)
        ctx.kb = kb
        return k @ a, torch.linalg.vecdot(kb, k)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, mean: Tensor, diagonal: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        k, a = ctx.saved_tensors
        towards_k = (ctx.kb * (2 * diagonal)[:, None]).addr_(mean, a)
        return towards_k, k.T @ mean, k.T @ (k * diagonal[:, None])
