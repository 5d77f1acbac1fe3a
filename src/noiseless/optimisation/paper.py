r"""The search of the grammar autoencoders' experiments: a sparse Gaussian process and greedy expected improvement.

In every round a Gaussian process (:mod:`noiseless.optimisation.sparse_gp`) is refitted to all known codes and costs,
and a batch is chosen by :mod:`noiseless.optimisation.improvement` among uniform candidates in the bounding box of all
known codes.

Costs are standardised, which is our choice. The process has prior mean 0, and costs of expressions lie between 0 and 7:
without standardisation, unexplored regions are predicted to be nearly perfect, and the search moves away from all
training codes.

References: Grammar variational autoencoder, M. J. Kusner, B. Paige, J. M. Hernández-Lobato, ICML 2017,
https://arxiv.org/abs/1703.01925, and its public code; From variational to deterministic autoencoders, P. Ghosh et
al., ICLR 2020, section 6.2, https://arxiv.org/abs/1903.12436.
"""

from __future__ import annotations

import math

from jaxtyping import Float64
from torch import Tensor

from noiseless.errors import InputError
from noiseless.optimisation.improvement import greedy
from noiseless.optimisation.problem import Proposal, Round
from noiseless.optimisation.sparse_gp import Posterior, fit

__all__ = ["SEARCHES", "paper"]


def paper(
    round_: Round,
    inducing: int = 500,
    epochs: int = 50,
    batch: int = 5000,
    lr: float = 5e-4,
    candidates: int = 10_000,
    standardise: bool = True,
    single: bool = True,
) -> Proposal:
    """The papers' search: a sparse Gaussian process, refitted every round; batches by greedy expected improvement.

    Arguments:
        round_: the known codes and costs.
        inducing, epochs, batch, lr, single: options of the process, see :func:`noiseless.optimisation.sparse_gp.fit`.
        candidates: number of uniform points in the box.
        standardise: fit to costs standardised to mean 0 and variance 1; if false, to the raw costs, as in the papers'
            code.

    Returns:
        The batch, with the root mean squared error and the mean log-density of the held-out costs, and their standard
        deviation.
    """
    if candidates < 1:
        raise InputError(f"candidates is {candidates}, but must be 1 or more")
    z, y = round_.known
    shift, scale = (y.mean(), y.std().clamp_min(1e-12)) if standardise else (y.new_zeros(()), y.new_ones(()))
    posterior = fit(
        z,
        (y - shift) / scale,
        round_.generator,
        inducing=inducing,
        epochs=epochs,
        batch=batch,
        lr=lr,
        single=single,
        tell=lambda done, total: round_.tell("fitting", done, total),
    )
    points = greedy(
        posterior,
        round_.uniform(candidates),
        round_.box,
        round_.size,
        lambda done, total: round_.tell("choosing", done, total),
    )
    return Proposal(points, _judged(posterior, round_.held_z, round_.held_y, float(shift), float(scale)))


def _judged(
    posterior: Posterior, z: Float64[Tensor, "k d"], y: Float64[Tensor, " k"], shift: float, scale: float
) -> dict[str, float]:
    """How well held-out costs are predicted."""
    mean, variance = posterior.mean_and_variance(z)
    error = (y - shift - scale * mean).square()
    spread = scale**2 * (variance + posterior.noise)
    density = -0.5 * (math.log(2 * math.pi) + spread.log() + error / spread)
    return {
        "held-out rmse": float(error.mean().sqrt()),
        "held-out log-density": float(density.mean()),
        "held-out deviation": float(y.std(correction=0)),
    }


SEARCHES = {"paper": paper}
