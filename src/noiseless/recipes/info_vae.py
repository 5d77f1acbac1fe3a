r"""InfoVAE (Zhao, Song, Ermon, AAAI 2019), https://arxiv.org/abs/1706.02262: the divergence in two parts.

.. math::
    L = L_{REC} + \beta \big((1 - \alpha) \, KL(q(z \mid x) \,\|\, N(0, I))
        + (\alpha + \lambda - 1) \, MMD^2(q(z), N(0, I))\big), \qquad q(z) = E_x \, q(z \mid x)

The first part pulls every posterior towards the prior, which costs information on x; the second pulls only the
aggregated posterior. Limits:

* :math:`\alpha = 0, \lambda = 1` is ``vae``;
* :math:`\alpha = 1` is the paper's MMD-VAE: a wae-mmd with Gaussian posteriors;
* :math:`\alpha + \lambda = 1` is a :math:`\beta`-VAE with the weight :math:`\beta (1 - \alpha)`.

The paper's reconstruction is a log-likelihood. A squared error, a sum over pixels, is that of a Gaussian of variance
:math:`\beta / 2` times :math:`\beta`, so the whole regulariser gets that factor: the weight of ``vae`` for the data,
and 1 next to a likelihood.

Published: the loss, and MMD-VAE as the member of the family that the authors' tutorial implements, with a Gaussian
kernel. This library's choice: :math:`\lambda`, for which the discrepancy has the weight that Ghosh et al. use in
wae-mmd, and the kernel, theirs (:mod:`noiseless.objectives.penalties.mmd`). Everything else is as in ``vae``.
"""

from __future__ import annotations

from noiseless.autoencoder import Networks
from noiseless.autoencoder.bottlenecks.gaussian import Variational
from noiseless.errors import InputError
from noiseless.objectives.penalties.kl import kl
from noiseless.objectives.penalties.mmd import MMD, Kernel
from noiseless.objectives.reconstruction import in_nats
from noiseless.objectives.regularised import Term
from noiseless.recipes.constants import Constants
from noiseless.recipes.method import Method
from noiseless.recipes.parts import builder
from noiseless.recipes.vae import LR, VAE
from noiseless.registry import Choice
from noiseless.training.settings import Optimiser
from noiseless.values import Spec

__all__ = ["info_vae"]


def info_vae(
    spec: Spec,
    networks: Networks = Networks(),
    optimiser: Optimiser = Optimiser(),
    *,
    alpha: float = 1.0,
    weight: float | None = None,
    beta: float | None = None,
    kernel: Kernel = "imq",
    reconstruction: Choice = "squared-error",
    constants: Constants | None = None,
) -> Method:
    """Variational autoencoder that keeps information on the data in its codes (InfoVAE; by default MMD-VAE).

    Arguments:
        alpha: Share of the KL divergence that is left out, up to 1. 1: MMD-VAE; 0: the full divergence.
        weight: The paper's lambda; the weight of the squared discrepancy is beta (alpha + lambda - 1). Default: such
            that it is the weight of wae-mmd.
        beta: Factor on both terms. Default: the weight of vae; 1 if the reconstruction is a likelihood.
        kernel: imq: inverse multiquadric, as in wae-mmd; rbf: Gaussian, with our scales. Both are sums over seven
            scales.
        reconstruction: Reconstruction term: squared-error, bernoulli, gaussian:SIGMA or gaussian-learnt.
        constants: Use the constants of vae and wae-mmd for this data set.
    """
    parts = builder(spec, networks, optimiser, constants, reconstruction, Variational)
    published, nats = VAE[parts.constants], in_nats(reconstruction)
    factor = beta if beta is not None else 1.0 if nats else parts.channels * published.weight
    _check(alpha, weight)
    discrepancy = parts.discrepancy if weight is None else factor * (alpha + weight - 1)
    terms = {"kl": Term(factor * (1 - alpha), kl), "mmd": Term(discrepancy, MMD(kernel), min_batch_size=2)}
    notes = ("the weight of the discrepancy is wae-mmd's, which this library chose",) if weight is None else ()
    training = parts.training(epochs=published.epochs, batch=published.batch)
    calibrated = weight is not None and (nats or beta is not None)
    return parts.regularised(terms, LR, training, ("normal", "gmm", "gaussian"), notes, calibrated=calibrated)


def _check(alpha: float, weight: float | None) -> None:
    """Refuses what would give a term a negative weight."""
    if not alpha <= 1:
        raise InputError(f"alpha is {alpha:g}, but must be 1 or less: the divergence has the weight 1 - alpha")
    if weight is not None and not alpha + weight >= 1:
        raise InputError(
            f"alpha and weight are {alpha:g} and {weight:g}, and must add up to 1 or more: the discrepancy has the "
            "weight alpha + weight - 1"
        )
