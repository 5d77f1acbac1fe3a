"""What each bottleneck promises of the codes."""

from __future__ import annotations

import math

import pytest
import torch

from noiseless.autoencoder.bottlenecks.bounded import Spherical, UnitCube
from noiseless.autoencoder.bottlenecks.gaussian import ConstantVariance, Variational
from noiseless.autoencoder.bottlenecks.normalised import BatchNormed, L1Normed
from noiseless.errors import InputError
from noiseless.values import DiagonalGaussian, Noise


def outputs(n: int = 64, d: int = 5, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=generator, dtype=torch.float64) * torch.arange(1, d + 1) + 3


def test_batch_normed_codes_have_mean_0_and_variance_1() -> None:
    z = BatchNormed(5).double()(outputs()).mean
    torch.testing.assert_close(z.mean(0), torch.zeros(5, dtype=z.dtype), rtol=0, atol=1e-12)
    torch.testing.assert_close(z.var(0, correction=0), torch.ones(5, dtype=z.dtype), rtol=0, atol=1e-5)


def test_l1_normed_codes_have_mean_0_and_mean_absolute_value_1() -> None:
    z = L1Normed(5).double()(outputs()).mean
    torch.testing.assert_close(z.mean(0), torch.zeros(5, dtype=z.dtype), rtol=0, atol=1e-12)
    torch.testing.assert_close(z.abs().mean(0), torch.ones(5, dtype=z.dtype), rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", [BatchNormed, L1Normed])
def test_evaluation_takes_running_moments_and_one_datum_alone(kind: type) -> None:
    bottleneck = kind(5).double()
    torch.testing.assert_close(bottleneck.eval()(outputs()).mean, outputs(), rtol=1e-5, atol=0)  # before any batch
    bottleneck.train()
    for seed in range(300):
        bottleneck(outputs(200, seed=seed))
    bottleneck.eval()
    fresh = outputs(20_000, seed=999)
    z = bottleneck(fresh).mean
    size = z.abs().mean(0) if kind is L1Normed else z.std(0)
    torch.testing.assert_close(z.mean(0), torch.zeros(5, dtype=z.dtype), rtol=0, atol=0.05)
    torch.testing.assert_close(size, torch.ones(5, dtype=z.dtype), rtol=0, atol=0.05)
    torch.testing.assert_close(bottleneck(fresh[:1]).mean, z[:1], rtol=0, atol=0)


@pytest.mark.parametrize("kind", [BatchNormed, L1Normed])
def test_standardised_codes_are_those_of_training(kind: type) -> None:
    """Whatever the scale that running moments left them with."""
    bottleneck = kind(5).double()
    expected = bottleneck(outputs()).mean
    torch.testing.assert_close(bottleneck.standardised(3 * expected - 1), expected, rtol=1e-4, atol=1e-6)
    assert Variational(5).standardised(expected) is expected


def test_bounded_codes_lie_in_their_set() -> None:
    z = Spherical(5)(outputs()).mean
    torch.testing.assert_close(z.norm(dim=1), torch.full((64,), 5**0.5, dtype=z.dtype))
    torch.testing.assert_close(z / z.norm(dim=1, keepdim=True), outputs() / outputs().norm(dim=1, keepdim=True))
    assert (Spherical(5).dimensions, UnitCube(5).dimensions) == (4, 5)
    torch.testing.assert_close(UnitCube(5)(outputs()).mean, 1 / (1 + (-outputs()).exp()))
    with pytest.raises(InputError, match="codes on a sphere have 2 dimensions or more"):
        Spherical(1)


def test_nothing_is_learnt_by_the_normalisation() -> None:
    assert not list(BatchNormed(3).parameters())
    assert not list(L1Normed(3).parameters())


def test_a_variational_code_has_the_encoder_s_mean_and_bounded_deviation() -> None:
    bottleneck = Variational(2)
    assert bottleneck.inputs == 4
    q = bottleneck(torch.tensor([[1.0, -2.0, 0.0, 100.0]]))
    assert isinstance(q, DiagonalGaussian)
    assert torch.equal(q.mean, torch.tensor([[1.0, -2.0]]))
    torch.testing.assert_close(q.log_std, torch.tensor([[0.0, 5.0]]))


def test_constant_variance_draws_have_it() -> None:
    bottleneck = ConstantVariance(3)
    q = bottleneck(torch.zeros(20_000, 3))
    z = q.sample(Noise(0))
    assert bottleneck.inputs == 3
    torch.testing.assert_close(z.std(0), torch.full((3,), 0.7), rtol=0.03, atol=0)
    for sigma in (0.0, -1.0, math.inf):
        with pytest.raises(InputError, match="standard deviation of the codes"):
            ConstantVariance(3, sigma)
