"""The sparse Gaussian process: its energy by definition, gradients, the exact process as a special case, the fit."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.func import functional_call
from toy import draw, exact, squared_exponential

from noiseless.errors import InputError, RunError
from noiseless.optimisation.sparse_gp import JITTER, Posterior, SparseGP, fit, initial, kernel


def process(m: int = 4, d: int = 2) -> SparseGP:
    gp = SparseGP(draw(m, d), 0.7, draw(m, m, seed=1), draw(m, seed=2), noise=0.3)
    with torch.no_grad():
        gp.log_amplitude.fill_(0.4)
        gp.log_squares.copy_(torch.linspace(-0.5, 0.5, d))
    return gp


def test_the_kernel_is_the_squared_exponential() -> None:
    gp = process()
    x = draw(5, 2, seed=3)
    torch.testing.assert_close(
        kernel(x, gp.z, gp.log_squares, gp.log_amplitude), squared_exponential(x, gp.z, gp), rtol=1e-12, atol=1e-12
    )


def test_the_energy_is_its_definition() -> None:
    gp, x, y, total = process(), draw(6, 2, seed=3), draw(6, seed=4), 50
    inverse = torch.linalg.inv(squared_exponential(gp.z, gp.z, gp) + JITTER * gp.log_amplitude.exp() * torch.eye(4))
    factors, c = gp.l @ gp.l.T, (total - 1) / total

    def phi(precision: Tensor, h: Tensor) -> Tensor:
        return 0.5 * (h @ torch.linalg.solve(precision, h) - torch.logdet(precision))

    cavity = torch.linalg.inv(inverse + c * factors)
    k = squared_exponential(x, gp.z, gp) @ inverse
    mean = k @ (cavity @ (c * gp.h))
    prior = gp.log_amplitude.exp() - torch.linalg.vecdot(k @ torch.linalg.inv(inverse), k)
    variance = prior + torch.linalg.vecdot(k @ cavity, k) + gp.log_noise.exp()
    log_z = torch.distributions.Normal(mean, variance.sqrt()).log_prob(y).mean()
    phi_1, phi_0 = phi(inverse + factors, gp.h), phi(inverse, torch.zeros_like(gp.h))
    expected = (phi_1 - phi_0) / total + log_z + phi(inverse + c * factors, c * gp.h) - phi_1
    torch.testing.assert_close(gp.energy(x, y, total), -expected, rtol=1e-9, atol=1e-9)


def test_the_gradient_of_the_energy() -> None:
    gp, x, y = process(3), draw(5, 2, seed=3), draw(5, seed=4)
    values = [value.detach().requires_grad_() for value in gp.parameters()]
    names = [name for name, _ in gp.named_parameters()]

    class Energy(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gp = gp

        def forward(self) -> Tensor:
            return self.gp.energy(x, y, 9)

    def energy(*given: Tensor) -> Tensor:
        return functional_call(Energy(), {f"gp.{n}": v for n, v in zip(names, given, strict=True)}, ())

    assert torch.autograd.gradcheck(energy, values)


def test_it_contains_the_exact_process() -> None:
    x, y, new, noise = draw(9, 2), draw(9, seed=1), draw(5, 2, seed=2), 0.2
    gp = exact(x, y, noise)
    law = gp.posterior()
    inverse = torch.linalg.inv(squared_exponential(x, x, gp) + (JITTER + noise) * torch.eye(9))
    cross = squared_exponential(new, x, gp)
    mean, variance = law.mean_and_variance(new)
    covariance = squared_exponential(new, new, gp) - cross @ inverse @ cross.T
    torch.testing.assert_close(mean, cross @ inverse @ y, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(law.covariance(new, new), covariance.detach(), rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(variance, covariance.diagonal().detach(), rtol=1e-6, atol=1e-8)


def noisy_wave(n: int, seed: int) -> tuple[Tensor, Tensor]:
    x = 6 * torch.rand(n, 1, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return x, x[:, 0].sin() + 0.1 * draw(n, seed=seed + 1)


def fitted(seed: int = 0, epochs: int = 120) -> Posterior:
    x, y = noisy_wave(200, 0)
    return fit(x, y, torch.Generator().manual_seed(seed), inducing=15, epochs=epochs, batch=100, lr=0.03)


def test_a_fit_finds_the_function_and_knows_its_error() -> None:
    law = fitted()
    x, y = noisy_wave(200, 5)
    mean, variance = law.mean_and_variance(x)
    assert (mean - x[:, 0].sin()).square().mean().sqrt() < 0.06
    assert 0.4 < ((y - mean).square() / (variance + law.noise)).mean().sqrt() < 1.3


def test_a_minibatch_in_float32_is_the_same_to_its_rounding() -> None:
    gp, x, y = process(), draw(6, 2, seed=3), draw(6, seed=4)
    double, single = (torch.autograd.grad(gp.energy(part, y, 50), list(gp.parameters())) for part in (x, x.float()))
    torch.testing.assert_close(gp.energy(x.float(), y, 50), gp.energy(x, y, 50), rtol=1e-5, atol=1e-5)
    for exact_slope, slope in zip(double, single, strict=True):
        torch.testing.assert_close(slope, exact_slope, rtol=1e-3, atol=1e-4)


def test_a_fit_is_a_function_of_its_generator() -> None:
    a, b, c = fitted(epochs=2), fitted(epochs=2), fitted(1, epochs=2)
    assert torch.equal(a.b, b.b)
    assert not torch.equal(a.b, c.b)


def test_a_fit_says_how_far_it_is() -> None:
    x, y = noisy_wave(20, 0)
    seen: list[tuple[int, int]] = []
    fit(x, y, torch.Generator(), inducing=5, epochs=2, batch=8, tell=lambda done, total: seen.append((done, total)))
    assert seen == [(step, 6) for step in range(1, 7)]


def test_the_start() -> None:
    x, y = draw(50, 3), draw(50, seed=1)
    gp = initial(x, y, 10, torch.Generator().manual_seed(0))
    rows = [int((x == point).all(dim=1).nonzero()) for point in gp.z]
    assert len(set(rows)) == 10
    assert torch.equal(gp.h, y[rows])
    expected = 0.5 * (torch.pdist(x).square().median() + 1e-3)
    torch.testing.assert_close(gp.log_squares.exp(), expected.expand(3), rtol=1e-9, atol=0)


def test_what_cannot_be_fitted() -> None:
    x, y = noisy_wave(20, 0)
    with pytest.raises(InputError, match="must be positive"):
        fit(x, y, torch.Generator(), epochs=0)
    with pytest.raises(RunError, match="lower its lr"):
        fit(x, y * math.inf, torch.Generator(), epochs=1)
