"""The two Gaussians against torch.distributions, and singular covariances."""

import pytest
import torch
from torch.distributions import MultivariateNormal, Normal

from noiseless.densities import build
from noiseless.errors import InputError

torch.set_num_threads(1)


def draws(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def codes(n: int, d: int, seed: int = 0) -> torch.Tensor:
    mix = torch.randn(d, d, generator=draws(seed)) / d**0.5
    return torch.randn(n, d, generator=draws(seed + 1)) @ mix + 3.0


def test_log_prob_of_normal():
    z = codes(50, 7)
    oracle = Normal(0.0, 1.0).log_prob(z.double()).sum(dim=1)
    assert torch.allclose(build("normal", 7).log_prob(z), oracle, rtol=0, atol=1e-10)


def test_log_prob_of_gaussian():
    z = codes(200, 7)
    gaussian = build("gaussian", 7).fit(z, draws(0))
    oracle = MultivariateNormal(z.double().mean(dim=0), z.double().T.cov()).log_prob(z.double())
    assert torch.allclose(gaussian.log_prob(z), oracle, rtol=0, atol=1e-8)


def test_draws_of_gaussian_have_the_codes_moments():
    """The standard error of a mean is below 0.01 and that of a covariance below 0.02 with 40,000 draws."""
    z = codes(500, 3)
    sample = build("gaussian", 3).fit(z, draws(0)).sample(40_000, draws(1))
    assert torch.allclose(sample.mean(dim=0), z.mean(dim=0), atol=0.04)
    assert torch.allclose(sample.T.cov(), z.T.cov(), atol=0.06)


def test_fewer_codes_than_dimensions():
    z = codes(5, 8)
    gaussian = build("gaussian", 8).fit(z, draws(0))
    assert gaussian.note.startswith("the covariance of 5 codes has rank 4 in 8 dimensions")
    off = gaussian.sample(100, draws(1)) - z.mean(dim=0)
    span = torch.linalg.svd(z - z.mean(dim=0)).Vh[:4]
    assert torch.allclose(off, off @ span.T @ span, atol=1e-4)
    with pytest.raises(InputError, match="no log-density: the covariance of 5 codes has rank 4"):
        gaussian.log_prob(z)


def test_constant_and_proportional_dimensions_survive_in_the_draws():
    z = codes(100, 3)
    z = torch.cat([z, torch.full((100, 1), 0.1), 2 * z[:, :1]], dim=1)
    gaussian = build("gaussian", 5).fit(z, draws(0))
    assert "rank 3 in 5 dimensions" in gaussian.note
    sample = gaussian.sample(50, draws(1))
    assert torch.allclose(sample[:, 3], torch.tensor(0.1), atol=1e-6)
    assert torch.allclose(sample[:, 4], 2 * sample[:, 0], atol=1e-4)


def test_equal_codes_give_equal_draws():
    z = torch.full((10, 2), 0.3)
    assert torch.allclose(build("gaussian", 2).fit(z, draws(0)).sample(4, draws(1)), z[:4])
