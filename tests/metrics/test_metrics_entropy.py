"""The estimate of entropy against distributions whose entropy is known."""

from __future__ import annotations

import math
import sys

import pytest
import torch
from scipy.special import digamma, gammaln
from torch import Tensor, distributions

from noiseless.errors import InputError
from noiseless.metrics.entropy import entropy

LAWS = {
    "gaussian": distributions.Normal(torch.tensor(1.0, dtype=torch.float64), 2.0),
    "uniform": distributions.Uniform(torch.tensor(-1.0, dtype=torch.float64), 3.0),
    "laplace": distributions.Laplace(torch.tensor(0.0, dtype=torch.float64), 1.0),
}


def draws(distribution: str, n: int, d: int, seed: int = 0) -> Tensor:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LAWS[distribution].sample((n, d))


def error(distribution: str, n: int, d: int, repeats: int = 8, k: int = 1) -> float:
    """The mean error of the estimate over repetitions."""
    exact = d * LAWS[distribution].entropy().item()
    return sum(entropy(draws(distribution, n, d, seed), k).item() - exact for seed in range(repeats)) / repeats


def by_hand(z: Tensor, k: int) -> float:
    """The formula, with every distance computed on its own."""
    n, d = z.shape
    distances = torch.stack([(z - row).norm(dim=1) for row in z]).sort(dim=1).values[:, k]
    ball = d / 2 * math.log(math.pi) - gammaln(d / 2 + 1)
    return d * distances.log().mean().item() + ball + digamma(n) - digamma(k)


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("d", [1, 5])
def test_it_is_the_formula(d: int, k: int) -> None:
    z = draws("gaussian", 40, d)
    assert entropy(z, k).item() == pytest.approx(by_hand(z, k), abs=1e-10)


@pytest.mark.parametrize("distribution", LAWS)
@pytest.mark.parametrize("d", [1, 2])
def test_in_few_dimensions_the_error_vanishes(distribution: str, d: int) -> None:
    assert abs(error(distribution, 4000, d)) < 0.04  # standard deviation of the mean of 8: about 0.01


@pytest.mark.parametrize("distribution", ["gaussian", "laplace"])
@pytest.mark.parametrize("d", [4, 8])
def test_the_error_of_smooth_laws_in_some_dimensions(distribution: str, d: int) -> None:
    assert all(
        abs(error(distribution, n, d, 8)) < 0.13 for n in (250, 4000)
    )  # standard deviation of the mean: about 0.03


SLOPES = [("uniform", 4, -0.26), ("uniform", 8, -0.16), ("uniform", 16, -0.08)]
SLOPES += [("gaussian", 16, -0.33), ("laplace", 16, -0.23)]


@pytest.mark.parametrize(("distribution", "d", "measured"), SLOPES)
def test_the_slope_of_the_error(distribution: str, d: int, measured: float) -> None:
    """Where the density jumps, the bias falls about as n to the -1/d; smooth ones are faster, to leading order -2/d."""
    few, many = error(distribution, 250, d), error(distribution, 4000, d)
    assert 0 < many < few
    slope = math.log(many / few) / math.log(16)
    assert slope == pytest.approx(measured, abs=0.04 if distribution == "uniform" else 0.08)
    assert -1.5 / d < slope < -0.9 / d if distribution == "uniform" else slope < -1.5 / d


def test_the_bias_at_a_batch_s_size() -> None:
    assert error("gaussian", 100, 16, 64) == pytest.approx(0.85, abs=0.15)


def test_more_neighbours_agree() -> None:
    assert error("gaussian", 2000, 2, 8, k=4) == pytest.approx(0, abs=0.03)


def test_scaling_and_moving_change_it_as_they_should() -> None:
    z = draws("gaussian", 200, 5)
    torch.testing.assert_close(entropy(3 * z + 100), entropy(z) + 5 * math.log(3), rtol=0, atol=1e-9)


def test_blocks_of_rows_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    z = draws("gaussian", 100, 3)
    whole = entropy(z, 2)
    monkeypatch.setattr(
        sys.modules["noiseless.metrics.entropy"], "ROWS", 7
    )  # the package exports a function of that name
    assert torch.equal(entropy(z, 2), whole)


def test_duplicates_and_constant_codes_are_finite_and_have_finite_gradients() -> None:
    z = draws("gaussian", 50, 4).float()
    for codes in (torch.cat([z, z]), torch.ones(20, 4), torch.cat([z, torch.zeros(50, 4)])):
        codes = codes.clone().requires_grad_()
        value = entropy(codes)
        value.backward()
        assert value.isfinite()
        assert codes.grad is not None
        assert codes.grad.isfinite().all()
    assert entropy(torch.cat([z, z])) < entropy(z)


def test_float32_far_from_zero_is_as_good_as_float64() -> None:
    z = draws("gaussian", 500, 16) + 30
    assert entropy(z.float()).item() == pytest.approx(entropy(z).item(), abs=1e-3)


def test_its_gradient_is_that_of_the_formula() -> None:
    z = draws("gaussian", 12, 3).requires_grad_()
    assert torch.autograd.gradcheck(entropy, (z,))
    entropy(z).backward()
    assert z.grad is not None
    torch.testing.assert_close(z.grad.sum(0), torch.zeros(3, dtype=torch.float64), rtol=0, atol=1e-10)
    torch.testing.assert_close((z.grad * z).sum(), torch.tensor(3.0, dtype=torch.float64), rtol=1e-10, atol=0)


@pytest.mark.parametrize(("n", "k"), [(1, 1), (5, 5), (5, 0)])
def test_too_few_codes_are_refused(n: int, k: int) -> None:
    with pytest.raises(InputError, match=f"at least 1 and less than the number of codes, {n}, not {k}"):
        entropy(torch.zeros(n, 2), k)


def test_codes_on_a_surface_have_the_entropy_of_its_measure() -> None:
    z = torch.randn(4000, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    z = z / z.norm(dim=1, keepdim=True) * 3**0.5
    assert entropy(z, dimensions=2).item() == pytest.approx(math.log(4 * math.pi * 3), abs=0.05)
