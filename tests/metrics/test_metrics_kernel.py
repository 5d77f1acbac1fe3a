"""The kernel distance against its definition, and its expectation for equal distributions."""

import pytest
import torch

from noiseless.errors import InputError
from noiseless.metrics.kernel import draw, kernel_distance, measure
from noiseless.metrics.sample import Sample

torch.set_num_threads(1)


def normal(n: int, f: int, seed: int, shift: float = 0.0) -> Sample:
    return Sample(torch.randn(n, f, generator=torch.Generator().manual_seed(seed)) + shift)


def naive(x: torch.Tensor, y: torch.Tensor) -> float:
    def k(a: torch.Tensor, b: torch.Tensor) -> float:
        return float((a.double() @ b.double() / len(a) + 1) ** 3)

    m = len(x)
    pairs = [(i, j) for i in range(m) for j in range(m)]
    same = sum(k(x[i], x[j]) + k(y[i], y[j]) for i, j in pairs if i != j)
    return same / (m * (m - 1)) - 2 * sum(k(x[i], y[j]) for i, j in pairs) / m**2


def test_exact_value_against_a_double_loop():
    real, fake = normal(9, 5, 0), normal(9, 5, 1, shift=0.5)
    (value,) = kernel_distance(real, fake, seed=0)
    assert float(value) == pytest.approx(naive(real.features, fake.features), rel=1e-5)


def test_subsets_against_a_double_loop():
    real, fake = normal(12, 4, 2), normal(8, 4, 3)
    values = kernel_distance(real, fake, seed=5, subsets=3, largest=6)
    rows = zip(real.once(draw, 6, 3, 10), fake.once(draw, 6, 3, 11), strict=True)
    expected = [naive(real.features[i], fake.features[j]) for i, j in rows]
    torch.testing.assert_close(values, torch.tensor(expected).double(), rtol=0, atol=1e-5)


def test_equal_laws_are_at_zero_within_the_width():
    values = torch.cat([kernel_distance(normal(200, 8, 2 * s), normal(200, 8, 2 * s + 1), 0) for s in range(40)])
    assert abs(float(values.mean())) < 3 * float(values.std()) / 40**0.5
    assert float(kernel_distance(normal(200, 8, 0), normal(200, 8, 1, 1.0), 0)) > 20 * float(values.std())


def test_a_function_of_the_seed():
    real, fake = normal(1500, 3, 4), normal(1200, 3, 5)
    assert len(kernel_distance(real, fake, 0)) == 100
    first, again = measure(real, fake, 0), measure(normal(1500, 3, 4), normal(1200, 3, 5), 0)
    assert first == again
    assert first != measure(real, fake, 1)


def test_agrees_with_torchmetrics():
    try:
        from torchmetrics.image.kid import poly_mmd
    except (ImportError, RuntimeError, Warning) as error:
        pytest.skip(f"no oracle: {error}")
    real, fake = normal(30, 6, 6), normal(30, 6, 7, 0.3)
    expected = poly_mmd(real.features, fake.features, degree=3, gamma=None, coef=1.0)
    assert float(kernel_distance(real, fake, 0)) == pytest.approx(float(expected), rel=1e-4)


def test_needs_two_data():
    with pytest.raises(InputError, match="needs at least 2 examples"):
        kernel_distance(normal(1, 3, 0), normal(5, 3, 1), 0)


def test_far_from_the_origin_the_value_is_that_of_float64():
    x, y = (torch.randn(80, 6, generator=torch.Generator().manual_seed(k)) + 1e4 + k for k in (0, 1))
    inner = [(a.double() @ b.double().T / 6 + 1) ** 3 for a, b in ((x, x), (y, y), (x, y))]
    within = sum(float(k.sum() - k.diagonal().sum()) for k in inner[:2]) / (80 * 79)
    assert float(kernel_distance(Sample(x), Sample(y), 0)) == pytest.approx(
        within - 2 * float(inner[2].mean()), rel=1e-6
    )
