r"""Sliced Wasserstein autoencoder (Kolouri, Pope, Martin, Rohde, 2018), https://arxiv.org/abs/1804.01947.

.. math:: L = L_{REC} + \lambda \, SW_2^2(q(z), N(0, I)), \qquad q(z) = \frac1n \sum_i \delta(z - E(x_i))

Codes are deterministic, and their aggregated distribution is pulled towards the prior by the sliced Wasserstein
distance (:mod:`noiseless.objectives.penalties.sliced`), which needs neither a kernel nor a critic: samples are drawn
from N(0, I).

Published: the loss, L = 50 directions and batches of 500 (the authors' notebooks for MNIST). Their :math:`\lambda` is
10 next to the sum of a mean cross-entropy and a mean absolute error, in two latent dimensions and for other priors, so
it does not carry over to a squared error that is a sum over pixels; times N, it ruined reconstructions. The weight
here, :data:`WEIGHT` times N, and the learning rate are this library's choice.
"""

from __future__ import annotations

from noiseless.autoencoder import Networks
from noiseless.objectives.penalties.sliced import SlicedWasserstein
from noiseless.objectives.regularised import Term
from noiseless.recipes.constants import Constants
from noiseless.recipes.method import Method
from noiseless.recipes.parts import builder
from noiseless.registry import Choice
from noiseless.training.settings import Optimiser
from noiseless.values import Spec

__all__ = ["swae"]

LR = 1e-3
"""That of wae-mmd."""
WEIGHT = 0.01
"""The weight relative to N. In a trial on MNIST (perceptrons, 1,000 steps of 100, validation images) larger ones
worsened samples and reconstructions, and a third of it worsened samples."""
BATCH = 500


def swae(
    spec: Spec,
    networks: Networks = Networks(),
    optimiser: Optimiser = Optimiser(),
    *,
    weight: float | None = None,
    projections: int = 50,
    reconstruction: Choice = "squared-error",
    constants: Constants | None = None,
) -> Method:
    """Sliced Wasserstein autoencoder: codes are pulled towards N(0, I) along random directions (SWAE).

    Arguments:
        weight: Weight of the squared distance. Default: 0.01 times the number of values of an example, our choice.
        projections: Number of random directions per step, as in the authors' code.
        reconstruction: Reconstruction term: squared-error, bernoulli, gaussian:SIGMA or gaussian-learnt.
        constants: Use the latent size and the number of epochs of this data set.
    """
    parts = builder(spec, networks, optimiser, constants, reconstruction)
    chosen = weight if weight is not None else WEIGHT * parts.size
    terms = {"sliced": Term(chosen, SlicedWasserstein(projections))}
    note = "weight and learning rate are this library's choice: the paper's code has another reconstruction"
    notes = (note,) if weight is None or optimiser.lr is None else ()
    training = parts.training(batch=BATCH)
    densities = ("normal", "gmm", "gaussian")
    return parts.regularised(terms, LR, training, densities, notes, calibrated=weight is not None)
