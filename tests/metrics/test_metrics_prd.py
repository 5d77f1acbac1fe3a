"""PRD's curve in closed form and at the extremes."""

import pytest
import torch

from noiseless.errors import InputError
from noiseless.metrics.prd import cautions, curve, f_score, histograms, measure, prd
from noiseless.metrics.sample import Sample

torch.set_num_threads(1)


def normal(n: int, seed: int, shift: float = 0.0) -> Sample:
    return Sample(torch.randn(n, 4, generator=torch.Generator().manual_seed(seed)) + shift)


def test_equal_histograms_reach_both_at_one():
    p = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)
    precision, recall = curve(p, p)
    assert f_score(precision, recall, 8.0) == pytest.approx(1.0)
    assert f_score(precision, recall, 1 / 8) == pytest.approx(1.0)


def test_disjoint_histograms_are_at_zero():
    precision, recall = curve(torch.tensor([1.0, 0.0]).double(), torch.tensor([0.0, 1.0]).double())
    assert f_score(precision, recall, 8.0) == 0.0


def test_one_of_two_modes_is_precise_with_half_the_recall():
    both, one = torch.tensor([0.5, 0.5]).double(), torch.tensor([1.0, 0.0]).double()
    precision, recall = curve(both, one)
    assert float(precision.max()) == pytest.approx(1.0)
    assert float(recall.max()) == pytest.approx(0.5)
    # At slope l: precision min(l / 2, 1), recall precision / l; the best F8 has l = 2 or below: (1, 1/2).
    assert f_score(precision, recall, 8.0) == pytest.approx(65 * 0.5 / 64.5, rel=1e-2)
    assert f_score(precision, recall, 1 / 8) == pytest.approx((1 + 1 / 64) * 0.5 / (1 / 64 + 0.5), rel=1e-2)


def test_histograms_are_shares():
    real, fake = histograms(torch.tensor([0, 0, 2, 1, 2, 2, 2, 2]), 4)
    assert real.tolist() == [0.5, 0.25, 0.25]
    assert fake.tolist() == [0.0, 0.0, 1.0]


def test_samples_at_the_extremes():
    real = normal(100, 0)
    assert prd(real, Sample(real.features.clone()), 0, runs=2) == pytest.approx((1.0, 1.0))
    assert prd(real, normal(100, 1, shift=50.0), 0, runs=2) == pytest.approx((0.0, 0.0))


def test_a_collapsed_set_loses_recall_first():
    real = normal(200, 2)
    near_one = real.features[:1] + 1e-3 * normal(200, 8).features
    f8, f1_8 = prd(real, Sample(near_one), 0, runs=2)
    assert 2 * f8 < f1_8 < 0.6


def test_duplicates_and_seeds():
    constant = Sample(torch.zeros(30, 4))
    assert prd(constant, Sample(torch.zeros(30, 4)), 0, runs=1) == pytest.approx((1.0, 1.0))
    real, fake = normal(80, 3), normal(80, 4)
    assert prd(real, fake, 1, runs=2) == prd(real, fake, 1, runs=2)


def test_too_few_data():
    few, many = normal(20, 5), normal(21, 6)
    assert measure(many, few, 0) == {"f8": None, "f1/8": None}
    assert "left out" in cautions(many, few)[0]
    assert "equally many" in cautions(many, normal(30, 7))[0]
    assert cautions(many, many) == []
    with pytest.raises(InputError, match="20 clusters"):
        prd(many, few, 0)


def test_an_offset_changes_nothing():
    near, far = ([Sample(normal(300, k, shift=10.0 * k).features + offset) for k in (0, 1)] for offset in (0.0, 1e5))
    assert prd(*far, seed=0) == prd(*near, seed=0) == (0.0, 0.0)
