"""Expected improvement against quadrature; the believer against an exact process that was shown the same."""

from __future__ import annotations

import mpmath
import pytest
import torch
from torch import Tensor
from toy import draw, exact, squared_exponential

from noiseless.optimisation.improvement import Believer, _log_h, greedy, log_expected_improvement, lowest
from noiseless.optimisation.sparse_gp import JITTER

BOX = (torch.full((2,), -2.0).double(), torch.full((2,), 2.0).double())
NOISE = 0.2


def candidates(n: int = 400, seed: int = 7) -> Tensor:
    uniform = torch.rand(n, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return BOX[0] + (BOX[1] - BOX[0]) * uniform


@pytest.mark.parametrize(("mean", "deviation"), [(0.0, 1.0), (0.5, 0.3), (-1.0, 2.0), (2.0, 0.7)])
def test_expected_improvement_by_quadrature(mean: float, deviation: float) -> None:
    f = torch.linspace(mean - 12 * deviation, 0.1, 200_001, dtype=torch.float64)
    density = torch.distributions.Normal(f.new_tensor(mean), f.new_tensor(deviation)).log_prob(f).exp()
    expected = torch.trapezoid((0.1 - f) * density, f)
    found = log_expected_improvement(f.new_tensor([mean]), f.new_tensor([deviation**2]), 0.1)
    torch.testing.assert_close(found.exp(), expected[None], rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("s", [5.0, 0.0, -0.999, -1.001, -5.0, -30.0, -300.0, -999.0, -1001.0, -1e6])
def test_its_logarithm_in_the_tail(s: float) -> None:
    mpmath.mp.dps = 60
    expected = float(mpmath.log(mpmath.npdf(s) + s * mpmath.ncdf(s)))
    assert float(_log_h(torch.tensor([s], dtype=torch.float64))) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_its_gradient_everywhere() -> None:
    s = torch.tensor([3.0, 0.0, -0.9, -1.1, -10.0, -900.0, -1100.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(_log_h, s, atol=1e-4)


def test_the_believer_is_an_exact_process_that_was_shown_its_own_means() -> None:
    x, y, new = draw(9, 2), draw(9, seed=1), draw(6, 2, seed=2)
    chosen = draw(4, 2, seed=3)
    gp = exact(x, y, NOISE)
    believer = Believer(gp.posterior(), new)
    for point in chosen:
        believer.believe(point[None])
    believed, _ = believer.posterior.mean_and_variance(chosen)
    every, values = torch.cat([x, chosen]), torch.cat([y, believed])
    noises = torch.tensor([JITTER + NOISE] * 9 + [JITTER] * 4, dtype=torch.float64)
    inverse = torch.linalg.inv(squared_exponential(every, every, gp) + noises.diag()).detach()
    cross = squared_exponential(new, every, gp).detach()
    variance = 1 - torch.linalg.vecdot(cross @ inverse, cross)
    torch.testing.assert_close(cross @ inverse @ values, believer.mean, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(believer.variance, variance, rtol=1e-8, atol=1e-8)
    for index, point in enumerate(new):
        mean, alone = believer.at(point[None])
        torch.testing.assert_close((mean[0], alone[0]), (believer.mean[index], variance[index]), rtol=1e-8, atol=1e-8)


def test_a_point_that_is_believed_has_no_variance_left() -> None:
    point = draw(1, 2, seed=5)
    believer = Believer(exact(draw(9, 2), draw(9, seed=1), NOISE).posterior(), point)
    before = float(believer.variance)
    believer.believe(point)
    assert float(believer.variance) == pytest.approx(JITTER * before / (JITTER + before))


def test_the_lowest_mean_is_below_all_candidates() -> None:
    law = exact(draw(9, 2), draw(9, seed=1), NOISE).posterior()
    found = lowest(law, candidates(30), BOX)
    assert found <= float(law.mean_and_variance(candidates(30))[0].min())
    assert found <= float(law.mean_and_variance(candidates(5000))[0].min()) + 1e-3


def test_a_batch_is_in_the_box_and_spread() -> None:
    law = exact(draw(9, 2), draw(9, seed=1), NOISE).posterior()
    seen: list[int] = []
    batch = greedy(law, candidates(), BOX, 5, lambda done, total: seen.append(done))
    assert batch.shape == (5, 2)
    assert ((batch >= BOX[0]) & (batch <= BOX[1])).all()
    assert torch.pdist(batch).min() > 0.05
    assert seen == [1, 2, 3, 4, 5]


def test_the_first_point_has_the_most_expected_improvement() -> None:
    law = exact(draw(9, 2), draw(9, seed=1), NOISE).posterior()
    threshold = lowest(law, candidates(), BOX)
    first = greedy(law, candidates(), BOX, 1)
    gains = log_expected_improvement(*law.mean_and_variance(candidates(5000, seed=8)), threshold)
    gain = log_expected_improvement(*law.mean_and_variance(first), threshold)
    assert float(gain) >= float(gains.max()) - 1e-3
