"""Precision and recall against their definition, and where the answer is known."""

import sys

import pytest
import torch

from noiseless.errors import InputError
from noiseless.metrics.precision_recall import cautions, measure, precision_recall, radii
from noiseless.metrics.sample import Sample

torch.set_num_threads(1)


def normal(n: int, f: int, seed: int, scale: float = 1.0) -> torch.Tensor:
    return scale * torch.randn(n, f, generator=torch.Generator().manual_seed(seed))


def brute(x: torch.Tensor, y: torch.Tensor, k: int) -> float:
    """The share of `x` inside the balls round `y`, by differences in float64."""
    x, y = x.double(), y.double()
    within = (y[:, None] - y[None]).square().sum(2).fill_diagonal_(torch.inf)
    radius = within.sort(dim=1).values[:, k - 1]
    return float(((x[:, None] - y[None]).square().sum(2) <= radius).any(1).double().mean())


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_against_the_definition(k: int, offset: float):
    x, y = normal(150, 5, 0) + offset, normal(120, 5, 1, scale=1.3) + offset
    expected = (brute(y, x, k), brute(x, y, k))
    assert 0 < min(expected) < 1
    assert precision_recall(Sample(x), Sample(y), k) == expected


def test_ties_and_duplicates_against_the_definition():
    generator = torch.Generator().manual_seed(2)
    x, y = (torch.randint(0, 4, (80, 3), generator=generator).float() / 255 for _ in range(2))
    assert precision_recall(Sample(x), Sample(y)) == (brute(y, x, 3), brute(x, y, 3))


@pytest.mark.parametrize("f", [3, 400])
def test_a_copy_in_any_order_has_both_at_one(f: int):
    x = normal(60, f, 3)
    assert precision_recall(Sample(x), Sample(x.flip(0))) == (1.0, 1.0)


def test_constant_sets():
    ones = torch.full((40, 300), 0.1)
    assert radii(Sample(ones)).tolist() == [0.0] * 40
    assert precision_recall(Sample(ones), Sample(ones.clone())) == (1.0, 1.0)
    assert precision_recall(Sample(ones), Sample(ones + 1e-4)) == (0.0, 0.0)


def test_disjoint_sets_have_both_at_zero():
    x = normal(50, 4, 4)
    assert precision_recall(Sample(x), Sample(x + 100)) == (0.0, 0.0)


def test_a_collapsed_set_is_precise_and_recalls_nothing():
    x = normal(100, 4, 5)
    precision, recall = precision_recall(Sample(x), Sample(x[:1].repeat(100, 1)))
    assert precision == 1.0
    assert recall == 0.01


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch):
    x, y = normal(90, 5, 6), normal(70, 5, 7)
    expected = precision_recall(Sample(x), Sample(y))
    monkeypatch.setattr(
        sys.modules["noiseless.metrics.precision_recall"], "BLOCK", 13
    )  # the package exports a function of that name
    assert precision_recall(Sample(x), Sample(y)) == expected


def test_too_few_data():
    few, many = Sample(normal(3, 2, 8)), Sample(normal(9, 2, 9))
    assert measure(many, few, 0) == {"precision": None, "recall": None}
    assert "left out" in cautions(many, few)[0]
    with pytest.raises(InputError, match="more than 3 examples"):
        radii(few)


def test_precision_of_samples_that_are_all_alike_comes_with_a_warning() -> None:
    real = Sample(normal(200, 20, 1))
    alike = Sample(0.01 * normal(200, 20, 2))
    columns = measure(real, alike, 0)
    assert columns["precision"] == 1.0  # in the middle of the data, where nothing is
    assert columns["recall"] == 0.0
    assert any("precision says little" in caution for caution in cautions(real, alike))
    assert not cautions(real, Sample(normal(200, 20, 3)))
