"""Penalties on the distribution of the codes: divergence, discrepancy, entropy."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, distributions, nn

from noiseless.autoencoder import Autoencoder
from noiseless.autoencoder.bottlenecks.bounded import Spherical, UnitCube
from noiseless.autoencoder.bottlenecks.normalised import BatchNormed, L1Normed
from noiseless.autoencoder.bottlenecks.point import Deterministic
from noiseless.errors import InputError
from noiseless.metrics.entropy import entropy
from noiseless.objectives.penalties.entropy import NegativeEntropy
from noiseless.objectives.penalties.kl import kl
from noiseless.objectives.penalties.mmd import MMD, mmd
from noiseless.values import Batch, DiagonalGaussian, Dirac, Noise, Posterior, Trace

MODEL = Autoencoder(nn.Identity(), nn.Identity(), Deterministic(3))


def normal(n: int, d: int = 3, seed: int = 0) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def traced(q: Posterior, step: int | None = 0, seed: int = 0) -> Trace:
    z = q.mean
    return Trace(Batch(z, torch.arange(len(z)), step, Noise(seed)), q, z, z)


def test_the_divergence_is_torch_s() -> None:
    mean, log_std = normal(6), normal(6, seed=1)
    prior = distributions.Normal(torch.zeros_like(mean), 1.0)
    expected = distributions.kl_divergence(distributions.Normal(mean, log_std.exp()), prior).sum(1).mean()
    torch.testing.assert_close(kl(traced(DiagonalGaussian(mean, log_std)), MODEL), expected, rtol=1e-12, atol=0)
    with pytest.raises(InputError, match="needs a Gaussian posterior, not Dirac"):
        kl(traced(Dirac(mean)), MODEL)


def by_hand(a: Tensor, b: Tensor, kernel: str) -> float:
    d = a.shape[1]

    def k(x: Tensor, y: Tensor) -> float:
        r = (x - y).square().sum().item()
        scales = [2 * d * s for s in (0.1, 0.2, 0.5, 1, 2, 5, 10)]
        if kernel == "imq":
            return sum(c / (c + r) for c in scales)
        return sum(torch.tensor(-r / c).exp().item() for c in scales)

    n, m = len(a), len(b)
    within = sum(k(a[i], a[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    within += sum(k(b[i], b[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return within - 2 * sum(k(x, y) for x in a for y in b) / (n * m)


@pytest.mark.parametrize("kernel", ["imq", "rbf"])
def test_the_discrepancy_is_its_formula(kernel: str) -> None:
    a, b = normal(5), 2 * normal(7, seed=1) + 1
    assert mmd(a, b, kernel).item() == pytest.approx(by_hand(a, b, kernel), abs=1e-6)


@pytest.mark.parametrize("kernel", ["imq", "rbf"])
def test_the_discrepancy_of_equal_laws_is_zero_in_the_mean(kernel: str) -> None:
    values = torch.stack([mmd(normal(50, 4, seed), normal(50, 4, 1000 + seed), kernel) for seed in range(400)])
    assert abs(values.mean()) < 3 * values.std() / 20
    assert (values < 0).double().mean() > 0.3
    other = torch.stack([mmd(normal(50, 4, seed) + 0.5, normal(50, 4, 1000 + seed), kernel) for seed in range(20)])
    assert other.mean() > 5 * values.std()


def test_the_discrepancy_of_codes_falls_as_they_near_the_prior() -> None:
    values = [MMD()(traced(Dirac(normal(200) + shift)), MODEL).item() for shift in (2.0, 1.0, 0.5, 0.0)]
    assert values == sorted(values, reverse=True)
    assert abs(values[-1]) < 0.05


def test_the_discrepancy_refuses_what_it_cannot_estimate() -> None:
    with pytest.raises(InputError, match="at least 2 codes"):
        mmd(normal(1), normal(5))


@pytest.mark.parametrize("k", [1, 3])
def test_the_entropy_term_is_minus_the_estimate(k: int) -> None:
    z = normal(30)
    torch.testing.assert_close(NegativeEntropy(k)(traced(Dirac(z)), MODEL), -entropy(z, k), rtol=0, atol=0)


@pytest.mark.parametrize("kind", [BatchNormed, L1Normed])
def test_validation_counts_no_entropy_that_the_scale_of_codes_gives(kind: type) -> None:
    """While running moments lag, normalised codes are too wide; the entropy of training is that of the right scale."""
    model = Autoencoder(nn.Identity(), nn.Identity(), kind(3).double())
    z = model.bottleneck(normal(100)).mean
    values = [
        NegativeEntropy()(traced(Dirac(scale * z + shift), step=None), model) for scale, shift in ((1, 0), (4, 2))
    ]
    torch.testing.assert_close(torch.stack(values), -entropy(z).expand(2), rtol=1e-4, atol=0)
    widened = NegativeEntropy()(traced(Dirac(4 * z + 2)), model)  # in training, the bottleneck itself sees to the scale
    torch.testing.assert_close(widened, -entropy(z) - 3 * math.log(4), rtol=1e-6, atol=0)


def test_terms_of_the_batch_pass_over_a_last_batch_of_validation_that_is_too_small() -> None:
    z = normal(1)
    assert NegativeEntropy()(traced(Dirac(z), step=None), MODEL) == 0
    assert MMD()(traced(Dirac(z), step=None), MODEL) == 0
    with pytest.raises(InputError):
        NegativeEntropy()(traced(Dirac(z)), MODEL)
    with pytest.raises(InputError):
        MMD()(traced(Dirac(z)), MODEL)
    with pytest.raises(InputError, match="k is 0"):
        NegativeEntropy(0)


def test_maximising_the_entropy_of_normalised_codes_draws_them_to_the_normal_law() -> None:
    """From two lumps (kurtosis 1), past the uniform distribution (1.8), a thousand codes are on their way to 3."""
    generator = torch.Generator().manual_seed(0)
    lumps = torch.sign(torch.randn(1000, 1, generator=generator)) + 0.1 * torch.randn(1000, 1, generator=generator)
    codes = nn.Parameter(lumps)
    optimiser = torch.optim.Adam([codes], 0.05)

    def kurtosis() -> float:
        z = (codes - codes.mean()) / codes.std()
        return z.pow(4).mean().item()

    assert kurtosis() < 1.2
    for _ in range(600):
        optimiser.zero_grad()
        (-entropy((codes - codes.mean(0)) / codes.std(0))).backward()
        optimiser.step()
    assert 2.1 < kurtosis() < 3.3


def test_the_discrepancy_does_not_depend_on_an_offset() -> None:
    a, b = (torch.randn(200, 4, generator=torch.Generator().manual_seed(k)) + 0.5 * k for k in (0, 1))
    near, far = mmd(a, b), mmd((a.double() + 1e4).float(), (b.double() + 1e4).float())
    assert near > 0.1
    assert far == pytest.approx(float(near), rel=1e-2)


@pytest.mark.parametrize(("bottleneck", "low", "high"), [(Spherical(2), 0.0, 0.3), (UnitCube(2), 0.25, 0.4)])
def test_maximising_the_entropy_of_bounded_codes_spreads_them(bottleneck: nn.Module, low: float, high: float) -> None:
    """On the circle, the length of the mean direction falls from nearly 1 to that of an even spread, 0; in the square,
    the deviation of coordinates rises to that of the uniform distribution, 0.29."""
    h = nn.Parameter(torch.ones(200, 2) + 0.3 * normal(200, 2).float())
    optimiser = torch.optim.Adam([h], 0.2)
    model = Autoencoder(nn.Identity(), nn.Identity(), bottleneck)

    def spread(z: Tensor) -> float:
        return (z.mean(0).norm() / 2**0.5 if isinstance(bottleneck, Spherical) else z.std(0).mean()).item()

    first = spread(bottleneck(h).mean)
    assert not low <= first <= high
    for _ in range(800):
        optimiser.zero_grad()
        q = bottleneck(h)
        NegativeEntropy(3)(Trace(Batch(q.mean, noise=Noise(0), step=0), q, q.mean, q.mean), model).backward()
        optimiser.step()
    assert low <= spread(bottleneck(h).mean) <= high
