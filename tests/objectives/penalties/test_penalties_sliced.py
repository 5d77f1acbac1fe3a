"""The sliced Wasserstein distance against closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from noiseless.autoencoder import Autoencoder
from noiseless.autoencoder.bottlenecks.point import Deterministic
from noiseless.errors import InputError
from noiseless.objectives.penalties.sliced import SlicedWasserstein, sliced_wasserstein
from noiseless.values import Batch, Dirac, Noise, Trace

MODEL = Autoencoder(nn.Identity(), nn.Identity(), Deterministic(3))


def normal(n: int, d: int = 3, seed: int = 0) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def unit(count: int, d: int, seed: int = 9) -> Tensor:
    drawn = normal(count, d, seed)
    return drawn / drawn.norm(dim=1, keepdim=True)


def traced(z: Tensor, seed: int = 0) -> Trace:
    return Trace(Batch(z, torch.arange(len(z)), 0, Noise(seed)), Dirac(z), z, z)


def test_in_one_dimension_it_is_the_distance_of_sorted_samples() -> None:
    a, b = normal(7, 1), 2 * normal(7, 1, seed=1) + 1
    pairs = zip(sorted(a.flatten().tolist()), sorted(b.flatten().tolist()), strict=True)
    expected = sum((x - y) ** 2 for x, y in pairs) / 7
    for sign in (1.0, -1.0):
        found = sliced_wasserstein(a, b, torch.tensor([[sign]], dtype=torch.float64))
        assert found.item() == pytest.approx(expected, rel=1e-12)


def test_it_is_a_symmetric_distance_of_samples_in_any_order() -> None:
    a, b, directions = normal(20), normal(20, seed=1) + 0.5, unit(30, 3)
    shuffled = a[torch.randperm(20, generator=torch.Generator().manual_seed(2))]
    assert sliced_wasserstein(a, shuffled, directions) == 0
    found = sliced_wasserstein(a, b, directions)
    torch.testing.assert_close(sliced_wasserstein(shuffled, b, directions), found, rtol=1e-12, atol=0)
    torch.testing.assert_close(sliced_wasserstein(b, a, directions), found, rtol=1e-12, atol=0)


@pytest.mark.parametrize("d", [2, 5])
def test_a_shift_costs_its_squared_norm_over_the_dimension(d: int) -> None:
    """Exactly, for a sample and its own copy, in the mean over directions; and for normal samples as they grow."""
    z, shift = normal(50, d), torch.arange(1.0, d + 1, dtype=torch.float64)
    expected = shift.square().sum().item() / d
    assert sliced_wasserstein(z, z + shift, unit(100_000, d)).item() == pytest.approx(expected, rel=0.02)
    directions = unit(500, d)
    along = (directions @ shift).square().mean().item()
    errors = []
    for n in (100, 10_000):
        found = sliced_wasserstein(normal(n, d), normal(n, d, seed=1) + shift, directions).item()
        errors.append(abs(found / along - 1))
    assert errors[1] < 0.03
    assert errors[1] < errors[0]


def test_axes_as_directions_give_the_mean_of_the_one_dimensional_distances() -> None:
    a, b = normal(30), normal(30, seed=1)
    each = [(a[:, k].sort().values - b[:, k].sort().values).square().mean() for k in range(3)]
    axes = torch.eye(3, dtype=torch.float64)
    torch.testing.assert_close(sliced_wasserstein(a, b, axes), torch.stack(each).mean(), rtol=1e-12, atol=0)


def test_scaled_normal_codes_cost_the_squared_difference_of_the_deviations() -> None:
    found = SlicedWasserstein(200)(traced(3 * normal(20_000)), MODEL)
    assert found.item() == pytest.approx(4, rel=0.05)


def test_its_gradient_is_that_of_finite_differences() -> None:
    z = normal(6).requires_grad_()
    b, directions = normal(6, seed=1), unit(10, 3)
    assert torch.autograd.gradcheck(lambda a: sliced_wasserstein(a, b, directions), (z,), atol=1e-8)


def test_codes_of_the_prior_cost_little_and_ever_less() -> None:
    values = [SlicedWasserstein()(traced(normal(n), seed=5), MODEL).item() for n in (50, 500, 5000)]
    assert values[0] > values[1] > values[2] > 0
    assert values[-1] < 0.005
    assert values[0] < 0.05 * SlicedWasserstein()(traced(normal(50) + math.sqrt(3)), MODEL).item() + 0.1


def test_directions_are_unit_vectors_and_new_in_every_update() -> None:
    penalty, z = SlicedWasserstein(4), normal(5)
    one, other = (penalty._directions(traced(z, seed)) for seed in (0, 1))
    torch.testing.assert_close(one.norm(dim=1), torch.ones(4, dtype=torch.float64), rtol=1e-12, atol=0)
    assert not torch.equal(one, other)
    assert penalty(traced(z), MODEL) == penalty(traced(z), MODEL)


def test_what_cannot_be_paired_is_refused() -> None:
    with pytest.raises(InputError, match="of 3 and 4"):
        sliced_wasserstein(normal(3), normal(4), unit(1, 3))
    with pytest.raises(InputError, match="projections is 0"):
        SlicedWasserstein(0)
