"""The Laplacian pyramid's distance against closed forms."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from noiseless.errors import InputError
from noiseless.objectives import reconstruction
from noiseless.objectives.reconstruction.laplacian import Laplacian, pyramid
from noiseless.values import Spec


def image(shape: tuple[int, ...] = (3, 2, 16, 12), seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_bands_add_up_to_the_image() -> None:
    x = image()
    bands = pyramid(x, 3)
    assert [tuple(band.shape[2:]) for band in bands] == [(16, 12), (8, 6), (4, 3), (2, 2)]
    y = bands[-1]
    for band in reversed(bands[:-1]):
        y = band + F.interpolate(y, band.shape[2:], mode="bilinear", align_corners=False)
    torch.testing.assert_close(y, x, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", [(2, 1, 28, 28), (2, 3, 9, 17)])
def test_a_constant_difference_is_in_the_last_band_alone(shape: tuple[int, ...]) -> None:
    x = image(shape)
    bands = pyramid(torch.full_like(x, 0.25), 3)
    assert all(band.abs().max() < 1e-12 for band in bands[:-1])
    torch.testing.assert_close(bands[-1], torch.full_like(bands[-1], 0.25))
    found = Laplacian(3.0)(x + 0.25, x)
    assert found.item() == pytest.approx(4**3 * 0.25 * bands[-1][0].numel(), rel=1e-10)


def test_where_sides_can_be_halved_a_constant_costs_what_it_does_in_the_l1_distance() -> None:
    x = image((2, 1, 16, 16))
    for levels in (0.0, 1.0, 4.0):
        assert Laplacian(levels)(x - 0.5, x).item() == pytest.approx(0.5 * 256, rel=1e-10)


def test_without_levels_it_is_the_l1_distance() -> None:
    x, y = image(), image(seed=1)
    torch.testing.assert_close(Laplacian(0.0)(y, x), (x - y).abs().sum() / 3, rtol=1e-12, atol=0)


def test_it_is_a_norm_of_the_difference_and_a_mean_over_the_batch() -> None:
    x, y, term = image(), image(seed=1), Laplacian()
    found = term(y, x)
    assert found > 0
    assert term(x, x) == 0
    torch.testing.assert_close(term(x, y), found, rtol=1e-12, atol=0)
    torch.testing.assert_close(term(x + 3 * (y - x), x), 3 * found, rtol=1e-10, atol=0)
    each = torch.stack([term(a[None], b[None]) for a, b in zip(y, x, strict=True)])
    torch.testing.assert_close(each.mean(), found, rtol=1e-10, atol=0)


def test_one_pixel_costs_the_weighted_sum_of_its_bands() -> None:
    """Its first reduction is the filter's outer product, sampled at even offsets."""
    x = torch.zeros(1, 1, 16, 16, dtype=torch.float64)
    x[0, 0, 8, 8] = 1
    small = pyramid(x, 1)[1][0, 0]
    row = torch.tensor([1.0, 6.0, 1.0], dtype=torch.float64) / 16
    torch.testing.assert_close(small[3:6, 3:6], row[:, None] * row)
    assert small.sum().item() == pytest.approx(0.25)
    first = (x - F.interpolate(small[None, None], (16, 16), mode="bilinear", align_corners=False)).abs().sum()
    expected = first + 4 * small.sum()
    torch.testing.assert_close(Laplacian(1.0)(x, torch.zeros_like(x)), expected, rtol=1e-12, atol=0)


def test_its_gradient_is_that_of_finite_differences() -> None:
    x, y = image((1, 1, 5, 6)), image((1, 1, 5, 6), seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda a: Laplacian(2.0)(a, x), (y,), atol=1e-8)


def test_it_is_chosen_by_name_and_for_images() -> None:
    made = reconstruction.build("laplacian:2", Spec("mnist", (1, 8, 8)))
    assert isinstance(made.of, Laplacian)
    assert made.of.levels == 2
    for wrong in ("laplacian:-1", "laplacian:1.5"):
        with pytest.raises(InputError, match="a number of levels"):
            reconstruction.build(wrong, Spec("mnist", (1, 8, 8)))
    with pytest.raises(InputError, match="is for images"):
        Laplacian()(torch.zeros(2, 5), torch.zeros(2, 5))
