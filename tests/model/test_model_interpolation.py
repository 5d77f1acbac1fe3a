from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from noiseless.model.interpolation import PATHS, linear, spherical


def ends(n: int = 50, d: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, n, d, dtype=torch.float64, generator=generator)
    return a, b


@pytest.mark.parametrize("path", PATHS.values(), ids=list(PATHS))
def test_ends_and_reversal(path: object) -> None:
    a, b = ends()
    torch.testing.assert_close(path(a, b, 0.0), a, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(path(a, b, 1.0), b, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(path(a, b, 0.3), path(b, a, 0.7), rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(path(a, a, 0.3), a, rtol=1e-10, atol=1e-10)


def test_linear_is_the_weighted_mean() -> None:
    a, b = ends()
    torch.testing.assert_close(linear(a, b, 0.25), 0.75 * a + 0.25 * b, rtol=1e-12, atol=1e-12)


def test_spherical_keeps_the_norm_of_equal_ends_and_moves_at_constant_speed() -> None:
    a, b = (v / v.norm(dim=1, keepdim=True) * 3 for v in ends())
    points = torch.stack([spherical(a, b, t) for t in (0.0, 0.25, 0.5, 0.75, 1.0)])
    torch.testing.assert_close(points.norm(dim=2), torch.full((5, 50), 3.0, dtype=torch.float64), rtol=1e-10, atol=0)
    steps = torch.arccos(((points[1:] * points[:-1]).sum(2) / 9).clamp(-1, 1))
    torch.testing.assert_close(steps, steps[:1].expand(4, 50), rtol=1e-8, atol=1e-10)
    assert (linear(a, b, 0.5).norm(dim=1) < 3).all()


def test_parallel_and_opposite_ends_take_the_straight_path() -> None:
    a, _ = ends()
    for b in (2 * a, -a):
        torch.testing.assert_close(spherical(a, b, 0.25), linear(a, b, 0.25), rtol=1e-8, atol=1e-10)


def test_float32_stays_float32_and_finite_for_nearly_parallel_ends() -> None:
    a, _ = ends()
    path = spherical(a.float(), (a * (1 + 1e-7) + 1e-9).float(), 0.5)
    assert path.dtype == torch.float32
    torch.testing.assert_close(path, a.float(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("bend", [1e-1, 1e-3, 1e-5])
def test_ends_of_unequal_norms_in_almost_opposite_directions_have_a_norm_between_theirs(bend: float) -> None:
    a, b = torch.tensor([[1.0, 0.0]]), 2 * functional.normalize(torch.tensor([[-1.0, bend]]))
    norms = torch.stack([spherical(a, b, t).norm() for t in (0.0, 0.25, 0.5, 1.0)])
    assert torch.allclose(norms, torch.tensor([1.0, 1.25, 1.5, 2.0]), atol=1e-3)


def test_a_path_from_zero_is_straight() -> None:
    assert torch.equal(spherical(torch.zeros(1, 2), torch.ones(1, 2), 0.5), torch.full((1, 2), 0.5))


def test_no_midpoint_is_longer_than_its_ends() -> None:
    a, b = (torch.randn(5000, 2, generator=torch.Generator().manual_seed(k)) for k in (0, 1))
    assert (spherical(a, b, 0.5).norm(dim=1) <= torch.maximum(a.norm(dim=1), b.norm(dim=1)) + 1e-5).all()
