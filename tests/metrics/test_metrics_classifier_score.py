"""The classifier score where it is known."""

import pytest
import torch

from noiseless.errors import InputError
from noiseless.metrics.classifier_score import cautions, classifier_score, measure
from noiseless.metrics.sample import Sample

torch.set_num_threads(1)


def test_uniform_predictions_score_one():
    assert classifier_score(torch.zeros(50, 7)) == pytest.approx(1.0, abs=1e-12)


def test_balanced_certain_predictions_score_the_number_of_classes():
    labels = torch.arange(6).repeat(20)
    assert classifier_score(1000 * torch.nn.functional.one_hot(labels, 6).float()) == pytest.approx(6.0)


def test_impossible_classes_are_no_trouble():
    logits = torch.full((20, 3), -torch.inf)
    logits[:, 0] = 0
    assert classifier_score(logits) == pytest.approx(1.0)


def test_against_the_formula():
    logits = torch.randn(40, 5, generator=torch.Generator().manual_seed(0)).double()
    p = logits.softmax(1)
    expected = torch.nn.functional.kl_div(p.mean(0).log().expand_as(p), p, reduction="none").sum(1).mean().exp()
    assert classifier_score(logits, splits=1) == pytest.approx(float(expected), rel=1e-12)


def test_blank_without_classes_or_with_few_data():
    x = torch.zeros(9, 2)
    assert measure(Sample(x), Sample(x), 0) == {"score": None}
    assert measure(Sample(x), Sample(x, x), 0) == {"score": None}
    assert cautions(Sample(x), Sample(x)) == []
    assert "left out" in cautions(Sample(x), Sample(x, x))[0]
    assert "cannot exceed 2" in cautions(Sample(x), Sample(torch.zeros(20, 2), torch.zeros(20, 3)))[0]
    with pytest.raises(InputError, match="needs at least 10 examples for its splits, not 9"):
        classifier_score(x)
