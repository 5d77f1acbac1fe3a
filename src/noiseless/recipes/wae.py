r"""Wasserstein autoencoders (Tolstikhin, Bousquet, Gelly, Schölkopf, ICLR 2018), https://arxiv.org/abs/1711.01558.

.. math:: L = L_{REC} + \lambda \, D(q(z), N(0, I)), \qquad q(z) = \frac1n \sum_i \delta(z - E(x_i))

Codes are deterministic, and their aggregated law is drawn to the prior: by the maximum mean discrepancy (wae-mmd) or by
a critic on codes (wae-gan). The constants of wae-mmd are those with which Ghosh et al. (ICLR 2020) compare,
models/wae_mmd in their code, converted from means over pixels to sums; its noise on CelebA's inputs is left out.
"""

from __future__ import annotations

from noiseless.autoencoder import Networks
from noiseless.objectives.core import Optimiser, Term
from noiseless.penalties.mmd import MMD, Kernel
from noiseless.recipes.core import Method
from noiseless.recipes.image import Constants, frame
from noiseless.values import Spec

__all__ = ["wae_mmd"]

LR = 1e-3


def _published(constants: str, size: int) -> float:
    """The weight of the discrepancy beside a reconstruction that is a sum over pixels."""
    if constants == "celeba":
        return 100 / 0.05  # the code's reconstruction is 0.05 times the sum
    return {"mnist": 0.03, "cifar10": 0.006}[constants] * size


def wae_mmd(
    spec: Spec,
    networks: Networks = Networks(),
    optimiser: Optimiser = Optimiser(),
    *,
    weight: float | None = None,
    kernel: Kernel = "imq",
    reconstruction: str = "squared-error",
    constants: Constants | None = None,
) -> Method:
    """Wasserstein autoencoder with the maximum mean discrepancy (WAE-MMD).

    Arguments:
        weight: Weight of the squared discrepancy. Default: that of Ghosh et al.
        kernel: imq: inverse multiquadric (the papers'); rbf: Gaussian; each summed over seven scales.
        reconstruction: Distance of outputs to data, as squared-error, bernoulli, gaussian:SIGMA or gaussian-learnt.
        constants: Take the constants that the paper has for this data set.
    """
    parts = frame(spec, networks, optimiser, constants, reconstruction)
    chosen = weight if weight is not None else _published(parts.constants, spec.size)
    return parts.regularised({"mmd": Term(chosen, MMD(kernel))}, LR, densities=("normal", "gmm", "gaussian"))
