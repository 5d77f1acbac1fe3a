from __future__ import annotations

import pytest
import torch
from torch import nn

from noiseless.nn.distributed import BatchNorm, gather, world

SHAPES = pytest.mark.parametrize("shape", [(6, 3), (6, 3, 5), (6, 3, 4, 2)], ids=str)


def torch_s(x: torch.Tensor) -> nn.Module:
    kind = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d}[x.ndim]
    return kind(3, eps=1e-3, momentum=0.01).double()


def test_one_process_is_its_own_world() -> None:
    x = torch.rand(3, 2)
    assert world() == 1
    assert gather(x) is x


@SHAPES
@pytest.mark.parametrize("affine", [True, False])
def test_training_is_torch_s_batch_norm(shape: tuple[int, ...], affine: bool) -> None:
    torch.manual_seed(0)
    ours = BatchNorm(3, affine=affine).double()
    x = torch.randn(shape, dtype=torch.float64) * 3 + 1
    theirs = torch_s(x)
    if affine:
        for parameter in ours.parameters():
            nn.init.normal_(parameter)
        theirs.load_state_dict({"weight": ours.weight, "bias": ours.bias}, strict=False)
    ours_x, theirs_x = x.clone().requires_grad_(), x.clone().requires_grad_()
    y, expected = ours(ours_x), theirs(theirs_x)
    torch.testing.assert_close(y, expected, rtol=1e-12, atol=1e-12)
    y.sin().sum().backward()
    expected.sin().sum().backward()
    torch.testing.assert_close(ours_x.grad, theirs_x.grad, rtol=1e-10, atol=1e-12)
    if affine:
        torch.testing.assert_close(ours.weight.grad, theirs.weight.grad, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(ours.bias.grad, theirs.bias.grad, rtol=1e-10, atol=1e-12)


@SHAPES
@pytest.mark.parametrize("times", [1, 2, 30])
def test_evaluation_after_identical_batches_has_their_moments(shape: tuple[int, ...], times: int) -> None:
    norm = BatchNorm(3).double()
    x = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 3 + 1
    for _ in range(times):
        norm(x)
    axes = [0, *range(2, x.ndim)]
    mean, var = norm.moments()
    torch.testing.assert_close(mean, x.mean(axes), rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(var, x.var(axes), rtol=1e-10, atol=1e-12)
    shaped = [v.view(1, 3, *(1,) * (x.ndim - 2)) for v in (mean, var)]
    torch.testing.assert_close(norm.eval()(x), (x - shaped[0]) / (shaped[1] + 1e-3).sqrt(), rtol=1e-10, atol=1e-12)


def test_running_moments_are_the_weighted_mean_of_batches() -> None:
    norm = BatchNorm(2, momentum=0.3).double()
    batches = torch.randn(4, 8, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for batch in batches:
        norm(batch)
    weights = 0.3 * 0.7 ** torch.arange(3, -1, -1, dtype=torch.float64)
    expected = (weights[:, None] * batches.mean(1)).sum(0) / weights.sum()
    torch.testing.assert_close(norm.moments()[0], expected, rtol=1e-12, atol=1e-12)


def test_before_the_first_batch_evaluation_changes_nothing_but_eps() -> None:
    x = torch.randn(4, 3)
    torch.testing.assert_close(BatchNorm(3, eps=1e-30).eval()(x), x)


def test_evaluation_treats_data_one_by_one_and_keeps_the_moments() -> None:
    norm = BatchNorm(3)
    x = torch.randn(6, 3, 4, 4)
    norm(x)
    before = [m.clone() for m in norm.moments()]
    norm.eval()
    torch.testing.assert_close(norm(x), torch.cat([norm(row[None]) for row in x]))
    assert all(torch.equal(a, b) for a, b in zip(before, norm.moments(), strict=True))
