r"""A trust region around the best code, an exact Gaussian process in it, and batches by joint expected improvement.

The region is a box around the best known code, of side length :math:`L` in units of the bounding box of all known
codes, rescaled in every dimension by the length scales of the process:

.. math:: |z_j - z^*_j| \le \tfrac L2 (b_j - a_j) \, \frac{\ell_j}{(\prod_i \ell_i)^{1/d}} .

:math:`L` starts at 0.8, doubles after 3 consecutive successful rounds (to at most 1.6) and halves after as many
consecutive failures as in the paper, :math:`\lceil \max(4 / q, d / q) \rceil` for batches of q. A round is successful
if its best cost is lower than all previous ones by a thousandth of its magnitude. Below :math:`2^{-7}` the region
restarts, around the best among a random half of the training codes and all codes proposed since the restart. The
process is fitted to the standardised costs of the codes nearest to the centre.

The points of a batch are chosen sequentially by the logarithm of the joint expected improvement, estimated with fixed
samples.

Needs botorch: ``pip install 'noiseless[optimise]'``. References: D. Eriksson, M. Pearce, J. R. Gardner, R. Turner, M.
Poloczek, Scalable global optimization via local Bayesian optimization (TuRBO), NeurIPS 2019,
https://arxiv.org/abs/1910.01739; S. Ament, S. Daulton, D. Eriksson, M. Balandat, E. Bakshy, Unexpected improvements
to expected improvement for Bayesian optimization, NeurIPS 2023, https://arxiv.org/abs/2310.20708.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import torch
from jaxtyping import Float64
from torch import Tensor

from noiseless.errors import InputError, RunError
from noiseless.optimisation.problem import Proposal, Round

__all__ = ["SEARCHES", "Region", "region", "turbo"]

START, SHORTEST, LONGEST = 0.8, 0.5**7, 1.6
SUCCESSES = 3
MARGIN = 1e-3


@dataclass(frozen=True)
class Region:
    """The length of a trust region, and the counters that determine its changes.

    Arguments:
        length: side length in units of the box.
        successes, failures: consecutive successful and failed rounds.
        restarts: number of restarts.
        since: the round of the last restart.
    """

    length: float = START
    successes: int = 0
    failures: int = 0
    restarts: int = 0
    since: int = 0

    def after(self, success: bool, patience: int, rounds: int) -> Region:
        """The region after one more round; the counters are reset whenever the length changes.

        Arguments:
            success: whether the round found a lower cost.
            patience: consecutive failures that halve the length.
            rounds: number of rounds completed so far.
        """
        if success and self.successes + 1 == SUCCESSES:
            return replace(self, length=min(2 * self.length, LONGEST), successes=0, failures=0)
        if success:
            return replace(self, successes=self.successes + 1, failures=0)
        if self.failures + 1 < patience:
            return replace(self, successes=0, failures=self.failures + 1)
        if self.length / 2 >= SHORTEST:
            return replace(self, length=self.length / 2, successes=0, failures=0)
        return Region(restarts=self.restarts + 1, since=rounds)


def region(round_: Round) -> Region:
    """The region that results from all previous rounds."""
    dimension, found = round_.z.shape[1], Region()
    lowest = float(round_.y.min())
    for done, (_, costs) in enumerate(round_.batches, start=1):
        reached, restarts = float(costs.min()), found.restarts
        patience = math.ceil(max(4.0, dimension) / len(costs))
        found = found.after(reached < lowest - MARGIN * abs(lowest), patience, done)
        begun = found.restarts > restarts
        lowest = float(round_.y[_half(round_, found)].min()) if begun else min(lowest, reached)
    return found


def _eligible(round_: Round, found: Region) -> Tensor:
    """Which known codes may be the centre: all; after a restart a random half, and the codes proposed since."""
    n, before = len(round_.z), sum(len(costs) for _, costs in round_.batches[: found.since])
    every = torch.arange(len(round_.known[1]))
    return torch.cat([_half(round_, found), every[n + before :]]) if found.restarts else every


def _half(round_: Round, found: Region) -> Tensor:
    """The random half of the training codes that a restart selects."""
    n = len(round_.z)
    return torch.randperm(n, generator=torch.Generator().manual_seed(found.restarts))[: max(1, n // 2)]


def turbo(round_: Round, nearest: int = 500, samples: int = 128, starts: int = 4, candidates: int = 256) -> Proposal:
    """A trust region with an exact Gaussian process and qLogEI, refitted every round (extra optimise).

    Arguments:
        round_: the known codes and costs.
        nearest: number of codes nearest to the centre that the process is fitted to.
        samples: number of samples for estimating the joint improvement.
        starts: number of starting points of the optimisation of each point.
        candidates: number of points among which starting points are chosen.

    Returns:
        The batch, with the length of the region and the number of its restarts.
    """
    if min(nearest, samples, starts, candidates) < 1 or nearest < 2:
        raise InputError(
            f"nearest, samples, starts, candidates are {nearest, samples, starts, candidates}; one is too small: "
            "nearest must be 2 or more, the others 1 or more"
        )
    bo, found = _botorch(), region(round_)
    low, high = round_.box
    width = (high - low).clamp_min(1e-12)
    x, y = _near(round_, found, low, width, nearest)
    with _seeded(round_.generator), _quiet():
        round_.tell("fitting", 0, 1)
        model = _fitted(bo, x, -y[:, None])
        scales = model.covar_module.lengthscale.detach().flatten()
        half = found.length / 2 * scales / scales.log().mean().exp()
        bounds = torch.stack([(x[0] - half).clamp(0, 1), (x[0] + half).clamp(0, 1)])
        points = _batch(bo, model, -float(y.min()), bounds, round_, samples, starts, candidates)
    return Proposal(low + width * points, {"length": found.length, "restarts": float(found.restarts)})


def _near(
    round_: Round, found: Region, low: Tensor, width: Tensor, nearest: int
) -> tuple[Float64[Tensor, "k d"], Float64[Tensor, " k"]]:
    """The codes nearest to the centre, itself first, in units of the box, and their costs."""
    z, y = round_.known
    eligible = _eligible(round_, found)
    x = (z - low) / width
    centre = eligible[y[eligible].argmin()]
    distances = (x - x[centre]).square().sum(dim=1)
    distances[centre] = -1.0
    chosen = distances.argsort(stable=True)[:nearest]
    return x[chosen], y[chosen]


def _fitted(bo: SimpleNamespace, x: Tensor, y: Tensor) -> Any:
    model = bo.SingleTaskGP(x, y)
    try:
        bo.fit_gpytorch_mll(bo.ExactMarginalLogLikelihood(model.likelihood, model))
    except bo.ModelFittingError as error:
        raise RunError(f"the Gaussian process cannot be fitted ({error}); use search=paper or another seed") from error
    return model


def _batch(
    bo: SimpleNamespace,
    model: Any,
    highest: float,
    bounds: Tensor,
    round_: Round,
    samples: int,
    starts: int,
    candidates: int,
) -> Tensor:
    """Chooses points sequentially, each given the ones chosen before."""
    chosen = bounds[:0]
    for count in range(round_.size):
        round_.tell("choosing", count, round_.size)
        sampler = bo.SobolQMCNormalSampler(torch.Size([samples]), seed=count)
        gain = bo.qLogExpectedImprovement(model, highest, sampler=sampler, X_pending=chosen if count else None)
        point, _ = bo.optimize_acqf(gain, bounds, q=1, num_restarts=starts, raw_samples=candidates)
        chosen = torch.cat([chosen, point])
    return chosen


@contextmanager
def _seeded(generator: torch.Generator) -> Iterator[None]:
    """Seeds torch's global generator, which botorch uses, within the block, and restores it afterwards."""
    seed = int(torch.randint(2**31 - 1, (), generator=generator))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppresses warnings about restarts of an optimiser that stopped early, which are of no use to the user."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _botorch() -> SimpleNamespace:
    """The parts of botorch that are used.

    Raises:
        InputError: the extra is not installed.
    """
    try:
        from botorch import acquisition, exceptions, fit, models, optim, sampling
        from gpytorch.mlls import ExactMarginalLogLikelihood
    except ImportError as error:
        raise InputError(f"the search 'turbo' needs botorch ({error}); pip install 'noiseless[optimise]'") from error
    return SimpleNamespace(
        qLogExpectedImprovement=acquisition.qLogExpectedImprovement,
        ModelFittingError=exceptions.ModelFittingError,
        fit_gpytorch_mll=fit.fit_gpytorch_mll,
        SingleTaskGP=models.SingleTaskGP,
        optimize_acqf=optim.optimize_acqf,
        SobolQMCNormalSampler=sampling.SobolQMCNormalSampler,
        ExactMarginalLogLikelihood=ExactMarginalLogLikelihood,
    )


SEARCHES = {"turbo": turbo}
