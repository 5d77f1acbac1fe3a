"""Distances of codes from a fixed mixture of Gaussians, against closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, distributions, nn

from noiseless.autoencoder import Autoencoder
from noiseless.autoencoder.bottlenecks.point import Deterministic
from noiseless.densities import build
from noiseless.densities.target import TargetMixture
from noiseless.errors import InputError
from noiseless.objectives.penalties.shape import Covariance, Marginals, Target, covariance_distance, ks
from noiseless.values import Batch, Dirac, Noise, Trace

MODEL = Autoencoder(nn.Identity(), nn.Identity(), Deterministic(3))
NORMAL = Target.placed(3, 1)


def normal(n: int, d: int = 3, seed: int = 0) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def drawn(n: int, d: int = 3, seed: int = 0, **options: float) -> Tensor:
    return TargetMixture(d, **options).sample(n, torch.Generator().manual_seed(seed)).double()  # type: ignore[arg-type]


def traced(z: Tensor, step: int | None = 0) -> Trace:
    return Trace(Batch(z, torch.arange(len(z)), step, Noise(0)), Dirac(z), z, z)


def mixture(target: Target) -> distributions.MixtureSameFamily:
    """torch's own."""
    count = torch.zeros(len(target.means), dtype=torch.float64)
    parts = distributions.Independent(distributions.Normal(target.means, torch.full_like(target.means, target.std)), 1)
    return distributions.MixtureSameFamily(distributions.Categorical(logits=count), parts)


@pytest.mark.parametrize(("d", "components", "radius"), [(2, 10, 3.0), (16, 10, 5.0), (3, 1, 2.0), (4, 7, 0.0)])
def test_the_target_has_mean_0_and_its_squares_sum_to_the_dimension(d: int, components: int, radius: float) -> None:
    target = Target.placed(d, components, radius)
    torch.testing.assert_close(target.means.mean(0), torch.zeros(d, dtype=torch.float64), rtol=0, atol=1e-12)
    assert target.covariance.trace().item() == pytest.approx(d, rel=1e-12)
    law = mixture(target)
    torch.testing.assert_close(target.covariance.diagonal(), law.variance, rtol=1e-10, atol=0)
    if components == 1 or radius == 0:
        assert target.std == 1
        assert not target.means.any()


def test_means_are_apart_and_always_the_same() -> None:
    target = Target.placed(16, 10, 4.0)
    distances = torch.pdist(target.means) / target.std
    assert distances.min() > 4
    again = Target.placed.__wrapped__(16, 10, 4.0)
    assert torch.equal(again.means, target.means)


def test_its_distribution_functions_are_torch_s() -> None:
    target, z = Target.placed(3, 5, 4.0), 2 * normal(6)
    each = distributions.Normal(target.means, target.std).cdf(z[:, None]).mean(1)
    torch.testing.assert_close(target.cdf(z), each, rtol=1e-12, atol=0)


def test_codes_at_the_quantiles_have_distance_0_and_far_ones_a_third() -> None:
    levels = (torch.arange(40, dtype=torch.float64) + 0.5) / 40
    z = torch.special.ndtri(levels)[:, None].repeat(1, 3)
    assert ks(z, NORMAL).item() == pytest.approx(0, abs=1e-20)
    assert ks(z + 100, NORMAL).item() == pytest.approx(1 / 3 - 1 / (12 * 40**2), rel=1e-12)
    assert ks(z, NORMAL) == ks(z.flip(0), NORMAL)
    torch.testing.assert_close(ks(z + 0.3, NORMAL), ks(z - 0.3, NORMAL), rtol=1e-12, atol=0)


@pytest.mark.parametrize("options", [{"components": 1}, {"components": 4, "radius": 5.0}])
def test_codes_of_the_target_have_the_expected_distance(options: dict[str, float]) -> None:
    """That of the Cramér-von Mises statistic, whatever the distribution."""
    target = Target.placed(3, **options)  # type: ignore[arg-type]
    for n in (5, 50):
        values = torch.stack([ks(drawn(n, seed=seed, **options), target) for seed in range(600)])
        expected = 1 / (6 * n) - 1 / (12 * n**2)
        assert abs(values.mean() - expected) < 4 * values.std() / math.sqrt(600)


def test_a_shift_has_the_distance_of_the_integral() -> None:
    shift, grid = 0.7, torch.linspace(-9, 9, 20_001, dtype=torch.float64)
    density = distributions.Normal(shift, 1.0).log_prob(grid).exp()
    gap = torch.special.ndtr(grid) - torch.special.ndtr(grid - shift)
    expected = torch.trapezoid(gap.square() * density, grid).item()
    assert ks(normal(100_000) + shift, NORMAL).item() == pytest.approx(expected, rel=0.02)


def test_the_covariance_s_distance_is_its_formula() -> None:
    z = normal(7)
    found = covariance_distance(z, NORMAL)
    gap = torch.cov(z.T) - torch.eye(3, dtype=torch.float64)
    torch.testing.assert_close(found, gap.square().sum() / 3, rtol=1e-12, atol=0)
    torch.testing.assert_close(covariance_distance(z + 5, NORMAL), found, rtol=1e-10, atol=0)
    white = (z - z.mean(0)) @ torch.linalg.inv(torch.linalg.cholesky(torch.cov(z.T))).T
    assert covariance_distance(white, NORMAL).item() == pytest.approx(0, abs=1e-20)
    assert covariance_distance(3 * white, NORMAL).item() == pytest.approx(64, rel=1e-10)


def test_the_covariance_tells_apart_what_the_marginals_do_not() -> None:
    z = normal(20_000, 1).repeat(1, 3)
    assert ks(z, NORMAL) < 1e-3
    assert covariance_distance(z, NORMAL).item() == pytest.approx(2, rel=0.1)


def test_gradients_are_those_of_finite_differences() -> None:
    target, z = Target.placed(3, 4, 3.0), normal(6).requires_grad_()
    assert torch.autograd.gradcheck(lambda a: ks(a, target), (z,), atol=1e-8)
    assert torch.autograd.gradcheck(lambda a: covariance_distance(a, target), (z,), atol=1e-8)


def test_minimising_both_gives_codes_the_mixture_s_marginals_and_covariance() -> None:
    z = nn.Parameter(0.3 * normal(300, 2))
    target = Target.placed(2, 3, 4.0)
    optimiser = torch.optim.Adam([z], 0.02)
    for _ in range(400):
        optimiser.zero_grad()
        (10 * ks(z, target) + covariance_distance(z, target)).backward()
        optimiser.step()
    assert ks(z, target) < 1e-4
    assert covariance_distance(z, target) < 1e-4


def test_the_penalties_are_these_for_the_codes_of_a_batch() -> None:
    z = normal(9)
    target = Target.placed(3, 4, 2.0)
    assert Marginals(4, 2.0)(traced(z), MODEL) == ks(z, target)
    assert Covariance(4, 2.0)(traced(z), MODEL) == covariance_distance(z, target)
    assert Covariance()(traced(z[:1], step=None), MODEL) == 0
    with pytest.raises(InputError, match="at least 2 codes"):
        Covariance()(traced(z[:1]), MODEL)
    for wrong in ({"components": 0}, {"radius": -1.0}, {"radius": math.inf}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            Target.placed(3, **wrong)  # type: ignore[arg-type]


def test_the_density_is_the_target() -> None:
    density = build("target-mixture:5,4", 3)
    target = Target.placed(3, 5, 4.0)
    assert isinstance(density, TargetMixture)
    z = 2 * normal(20)
    torch.testing.assert_close(density.log_prob(z), mixture(target).log_prob(z), rtol=1e-10, atol=1e-10)
    sample = density.sample(50_000, torch.Generator().manual_seed(0)).double()
    torch.testing.assert_close(torch.cov(sample.T), target.covariance, rtol=0, atol=0.03)
    assert ks(sample, target) < 1e-4
    assert density.fit(z, torch.Generator()).n == 20
