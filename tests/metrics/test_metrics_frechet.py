"""The Fréchet distance against closed forms, its invariances, and moments that add up."""

import pytest
import torch
from torch import Tensor

from noiseless.errors import InputError
from noiseless.metrics.frechet import FeatureMoments, cautions, distance, frechet_distance
from noiseless.metrics.sample import Sample

torch.set_num_threads(1)


def gaussian(n: int, f: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(f, f, generator=generator) / f**0.5
    return torch.randn(n, f, generator=generator) @ mix + torch.randn(f, generator=generator)


def law(mean: Tensor, covariance: Tensor) -> FeatureMoments:
    return FeatureMoments(2, mean.double(), covariance.double())  # n - 1 = 1: the scatter is the covariance


def test_diagonal_gaussians_in_closed_form():
    m1, m2 = torch.tensor([1.0, -2.0, 0.5]), torch.tensor([0.0, 1.0, 0.5])
    s1, s2 = torch.tensor([1.0, 2.0, 0.0]), torch.tensor([3.0, 0.5, 1.0])
    expected = (m1 - m2).square().sum() + (s1 - s2).square().sum()
    assert distance(law(m1, s1.square().diag()), law(m2, s2.square().diag())) == pytest.approx(
        float(expected), rel=1e-12
    )


def test_commuting_covariances_in_closed_form():
    rotation = torch.linalg.qr(gaussian(6, 6, 0).double()).Q
    s1, s2 = torch.rand(2, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    a, b = ((rotation * s.square()) @ rotation.T for s in (s1, s2))
    zero = torch.zeros(6)
    assert distance(law(zero, a), law(zero, b)) == pytest.approx(float((s1 - s2).square().sum()), rel=1e-10)


def test_against_scipy_sqrtm():
    from scipy.linalg import sqrtm

    x, y = gaussian(50, 5, 1), gaussian(60, 5, 2)
    a, b = FeatureMoments.of(x), FeatureMoments.of(y)
    root = sqrtm(a.covariance.numpy() @ b.covariance.numpy()).real.trace()
    expected = (a.mean - b.mean).square().sum() + a.covariance.trace() + b.covariance.trace() - 2 * root
    assert frechet_distance(Sample(x), Sample(y)) == pytest.approx(float(expected), rel=1e-10)


@pytest.mark.parametrize("n", [40, 7])
def test_distance_to_itself_is_zero(n: int):
    x = Sample(gaussian(n, 12, 3))
    assert frechet_distance(x, Sample(x.features.clone())) == pytest.approx(0.0, abs=1e-7)


@pytest.mark.parametrize("n", [40, 7])
def test_symmetric_and_invariant_under_rotation(n: int):
    x, y = gaussian(n, 12, 4), gaussian(30, 12, 5)
    expected = frechet_distance(Sample(x), Sample(y))
    rotation = torch.linalg.qr(gaussian(12, 12, 6).double()).Q
    turned = [Sample((z.double() @ rotation).float()) for z in (x, y)]
    assert frechet_distance(Sample(y), Sample(x)) == pytest.approx(expected, rel=1e-8)
    assert frechet_distance(*turned) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("n", "k"), [(5, 7), (5, 40), (40, 5)])
def test_few_rows_give_what_covariances_give(n: int, k: int):
    x, y = gaussian(n, 20, 7), gaussian(k, 20, 8)
    expected = distance(FeatureMoments.of(x), FeatureMoments.of(y))
    assert frechet_distance(Sample(x), Sample(y)) == pytest.approx(expected, rel=1e-6)


def test_streaming_equals_batch():
    x = gaussian(101, 9, 9).double() + 100
    parts = [FeatureMoments.of(part) for part in x.split(17)]
    total = sum(parts[1:], parts[0])
    assert total.n == 101
    torch.testing.assert_close(total.mean, x.mean(0), rtol=0, atol=1e-10)
    torch.testing.assert_close(total.covariance, x.T.cov(), rtol=0, atol=1e-10)


def test_needs_two_data_and_warns_below_the_features():
    one, few, many = (Sample(gaussian(n, 4, 10)) for n in (1, 4, 5))
    with pytest.raises(InputError, match="needs at least 2 examples"):
        frechet_distance(one, many)
    assert cautions(many, many) == []
    assert "singular" in cautions(many, few)[0]
