"""Mixtures: recovery of a known one, agreement with scikit-learn and torch.distributions, what a bad fit says."""

import contextlib

import numpy as np
import pytest
import torch
from sklearn.mixture import GaussianMixture
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from noiseless.densities import build
from noiseless.densities.mixture import Mixture
from noiseless.errors import InputError

torch.set_num_threads(1)


def draws(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def law() -> MixtureSameFamily:
    """Three well separated, correlated Gaussians in the plane."""
    means = torch.tensor([[0.0, 0.0], [6.0, 1.0], [-2.0, 7.0]], dtype=torch.float64)
    factors = torch.tensor([[[1.0, 0.0], [0.5, 0.8]], [[0.6, 0.0], [-0.4, 1.2]], [[1.5, 0.0], [0.0, 0.3]]]).double()
    weights = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    return MixtureSameFamily(Categorical(weights), MultivariateNormal(means, scale_tril=factors))


def codes(n: int) -> torch.Tensor:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return law().sample((n,)).float()


@pytest.mark.parametrize("name", ["gmm:3", "gmm-bayes:3"])
def test_fit_recovers_a_known_mixture(name):
    """With 6,000 codes the standard error of a mean is below 1.5 / sqrt(1200) = 0.05; the width is four of them."""
    density, truth = build(name, 2).fit(codes(6000), draws(0)), law()
    order = torch.argsort(density.weights, descending=True)
    assert density.converged
    assert density.note == ""
    assert torch.allclose(density.means[order], truth.component_distribution.mean, atol=0.2)
    assert torch.allclose(density.weights[order], truth.mixture_distribution.probs, atol=0.04)
    fresh = codes(8000)[6000:]
    surplus = density.log_prob(fresh) - truth.log_prob(fresh.double())
    assert surplus.mean().abs() < 0.02


def test_bayes_prunes_what_it_does_not_need():
    weights = build("gmm-bayes", 2).fit(codes(3000), draws(0)).weights.sort(descending=True).values
    assert weights[:3].sum() > build("gmm", 2).fit(codes(3000), draws(0)).weights.sort(descending=True).values[:3].sum()


def test_log_prob_is_that_of_the_mixture():
    density = build("gmm", 2).fit(codes(1000), draws(0))
    parts = MultivariateNormal(density.means, scale_tril=density.factors)
    oracle = MixtureSameFamily(Categorical(density.weights), parts).log_prob(codes(100).double())
    assert torch.allclose(density.log_prob(codes(100)), oracle, rtol=0, atol=1e-8)


def test_fit_is_scikit_learns():
    """Equal to a direct fit on codes of unit variance, and exactly equivariant under a power of two."""
    z = codes(1500).double()
    z = (z - z.mean(dim=0)) / z.var(dim=0).mean().sqrt()
    seed = int(torch.randint(2**31 - 1, (), generator=draws(0)))
    oracle = GaussianMixture(10, max_iter=2000, random_state=seed).fit(z.numpy())
    density = build("gmm", 2).fit(z, draws(0))
    score = torch.from_numpy(oracle.score_samples(z.numpy()))
    assert torch.allclose(density.log_prob(z), score, rtol=0, atol=1e-8)
    small = build("gmm", 2).fit(z * 2**-13, draws(0))
    assert torch.allclose(small.log_prob(z * 2**-13) + 2 * np.log(2**-13), score, rtol=0, atol=1e-8)


def test_components_are_drawn_row_by_row():
    density = build("gmm:3", 2).fit(codes(2000), draws(0))
    z = density.sample(3000, draws(1)).double()
    nearest = torch.cdist(z, density.means).argmin(dim=1)
    changes = (nearest[1:] != nearest[:-1]).double().mean()
    assert changes.item() == pytest.approx(1 - density.weights.square().sum().item(), abs=0.05)
    shares = torch.bincount(nearest, minlength=3) / len(z)
    assert torch.allclose(shares.double(), density.weights, atol=0.04)


def test_more_components_than_codes():
    with pytest.raises(InputError, match="10 components needs at least as many codes, not 9; use fewer"):
        build("gmm", 2).fit(codes(9), draws(0))


def test_a_fit_that_does_not_converge_says_so():
    z = torch.rand(800, 2, generator=draws(0))
    density = Mixture(2, 20, bayesian=True).fit(z, draws(0))
    assert not density.converged
    assert density.note.startswith("the fit of the mixture did not converge within 100 iterations")


def test_few_codes_or_equal_codes_are_carried_by_the_ridge_and_say_so():
    scarce = build("gmm", 8).fit(torch.randn(20, 8, generator=draws(0)), draws(1))
    assert "10 of the 10 Gaussians have no variance in some direction" in scarce.note
    assert scarce.log_prob(scarce.sample(5, draws(2))).isfinite().all()
    equal = build("gmm:2", 2).fit(torch.full((10, 2), 0.3), draws(0))
    assert torch.allclose(equal.sample(4, draws(1)), torch.tensor(0.3), atol=0.01)


def test_collinear_codes_are_refused_with_a_sentence():
    """Some variational fits end in a covariance without a Cholesky factor; EM has a ridge for it."""
    refused = []
    for seed in range(9):
        z = torch.randn(200, 1, generator=draws(seed)) @ torch.tensor([[1.0, -2.0, 0.5, 3.0]])
        assert build("gmm", 4).fit(z, draws(seed)).note
        with contextlib.suppress(InputError):
            build("gmm-bayes", 4).fit(z, draws(seed))
            continue
        refused.append((seed, z))
    seed, z = refused[0]
    expected = "these 200 codes, which vary in 1 of 4 directions.* such as gmm-bayes:2, or another density, such as gmm"
    with pytest.raises(InputError, match=expected):
        build("gmm-bayes", 4).fit(z, draws(seed))
