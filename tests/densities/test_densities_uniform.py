"""Uniform distributions on the sphere of radius sqrt(d) and on the unit cube."""

import math

import pytest
import torch

from noiseless.densities import build

torch.set_num_threads(1)


def draws(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("d", "surface"), [(2, 2 * math.pi * 2**0.5), (3, 4 * math.pi * 3)])
def test_the_density_on_the_sphere_is_one_over_its_surface(d: int, surface: float) -> None:
    density = build("sphere", d)
    z = density.sample(100, draws(0))
    torch.testing.assert_close(density.log_prob(z), torch.full((100,), -math.log(surface), dtype=torch.float64))
    assert (density.log_prob(1.01 * z) == -math.inf).all()


def test_draws_on_the_sphere_have_no_direction() -> None:
    """Of 40,000 in 5 dimensions: norm sqrt(5), mean 0, covariance I, and fourth moments 3 d / (d + 2)."""
    z = build("sphere", 5).sample(40_000, draws(1)).double()
    torch.testing.assert_close(z.norm(dim=1), torch.full((40_000,), 5**0.5, dtype=torch.float64), rtol=1e-6, atol=0)
    torch.testing.assert_close(z.T.cov(), torch.eye(5, dtype=torch.float64), rtol=0, atol=0.03)
    assert z.mean(0).abs().max() < 0.02
    torch.testing.assert_close(z.pow(4).mean(0), torch.full((5,), 15 / 7, dtype=torch.float64), rtol=0.05, atol=0)


def test_the_cube() -> None:
    density = build("cube", 3)
    z = density.sample(40_000, draws(2))
    assert ((z >= 0) & (z <= 1)).all()
    quantiles = torch.tensor([0.1, 0.5, 0.9])
    torch.testing.assert_close(z.quantile(quantiles, dim=0), quantiles[:, None].expand(3, 3), rtol=0, atol=0.02)
    assert z.T.corrcoef().triu(1).abs().max() < 0.02
    assert density.log_prob(torch.tensor([[0.0, 0.5, 1.0], [0.0, 0.5, 1.1]])).tolist() == [0, -math.inf]
