r"""Deterministic autoencoder whose codes are shaped into a mixture of Gaussians (Saseendran et al., NeurIPS 2021).

.. math:: L = L_{REC} + \lambda_{KS} L_{KS} + \lambda_{CV} L_{CV}

with two distances of the codes of a batch from a fixed mixture of K Gaussians
(:mod:`noiseless.objectives.penalties.shape`): the Kolmogorov-Smirnov distance of every marginal, in its mean-square
form, and the distance of the covariances. Samples are drawn from the mixture itself, without fitting a density to the
codes.

From the paper (Shape your space: a Gaussian mixture regularization approach to deterministic autoencoders, Saseendran,
Skubch, Falkner, Keuper, NeurIPS 2021): the two terms, their computation on a batch, and the target as the sampling
distribution; they were written from descriptions of the paper, of which only the abstract could be read. This library's
choice: K = 10, equal weights and variances, the placement of the means, and both weights. The authors' code was not
read.
"""

from __future__ import annotations

from noiseless.autoencoder import Networks
from noiseless.objectives.penalties.shape import COMPONENTS, RADIUS, Covariance, Marginals, Target
from noiseless.objectives.regularised import Term
from noiseless.recipes.constants import Constants
from noiseless.recipes.method import Method
from noiseless.recipes.parts import builder
from noiseless.registry import Choice
from noiseless.training.settings import Optimiser
from noiseless.values import Spec

__all__ = ["gmm_ae"]

LR = 1e-3
"""That of wae-mmd."""
MARGINALS, COVARIANCE = 0.1, 0.01
"""The weights relative to N: the best of a trial on MNIST (perceptrons, 1,000 steps of 100, validation images)."""


def gmm_ae(
    spec: Spec,
    networks: Networks = Networks(),
    optimiser: Optimiser = Optimiser(),
    *,
    weight: float | None = None,
    covariance: float | None = None,
    components: int = COMPONENTS,
    radius: float = RADIUS,
    reconstruction: Choice = "squared-error",
    constants: Constants | None = None,
) -> Method:
    """Autoencoder whose codes are shaped into a fixed mixture of Gaussians, from which samples are drawn (GMM-AE).

    Arguments:
        weight: Weight of the marginals' distance. Default: 0.1 times the number of values of an example, our choice.
        covariance: Weight of the covariances' distance. Default: 0.01 times that number, our choice.
        components: Number of Gaussians in the target mixture.
        radius: Distance of their means from the origin, in standard deviations of a component; 0 makes the target
            N(0, I).
        reconstruction: Reconstruction term: squared-error, bernoulli, gaussian:SIGMA or gaussian-learnt.
        constants: Use the latent size and the number of epochs of this data set.
    """
    parts = builder(spec, networks, optimiser, constants, reconstruction)
    Target.placed(parts.autoencoder.latent_dim, components, radius)
    marginals = weight if weight is not None else MARGINALS * parts.size
    pairs = covariance if covariance is not None else COVARIANCE * parts.size
    terms = {
        "marginals": Term(marginals, Marginals(components, radius)),
        "covariance": Term(pairs, Covariance(components, radius), min_batch_size=2),
    }
    notes = ("the target mixture, weights and learning rate are this library's choice",)
    densities = (f"target-mixture:{components},{radius:g}", "gmm", "gaussian")
    calibrated = weight is not None and covariance is not None
    return parts.regularised(terms, LR, parts.training(), densities, notes, calibrated=calibrated)
