r"""Variational autoencoders, as used for comparison by Ghosh et al. (ICLR 2020) and Ghose et al. (UAI 2020).

.. math:: L = L_{REC} + \beta \, KL(q(z \mid x) \,\|\, N(0, I))

=============  ==================================================  =============================
method         :math:`q(z \mid x)`                                 samples from
=============  ==================================================  =============================
vae            :math:`N(\mu(x), \operatorname{diag} \sigma(x)^2)`  N(0, I)
cv-vae         :math:`N(\mu(x), 0.7^2 I)`                          N(0, I), or a fitted density
two-stage-vae  as vae                                              a second VAE, on its codes
=============  ==================================================  =============================

Sources: Auto-encoding variational Bayes (Kingma, Welling, 2014), https://arxiv.org/abs/1312.6114; Diagnosing and
enhancing VAE models (Dai, Wipf, 2019), https://arxiv.org/abs/1903.05789. Weights are those of models/std_vae in the
code of Ghosh et al., whose reconstruction is summed over pixels and averaged over the C channels: our weights are
theirs times C.
"""

from __future__ import annotations

from dataclasses import dataclass

from noiseless.autoencoder import Networks
from noiseless.autoencoder.bottlenecks.gaussian import ConstantVariance, Variational
from noiseless.objectives.penalties.kl import kl
from noiseless.objectives.reconstruction import in_nats
from noiseless.objectives.regularised import Penalty, Term
from noiseless.recipes.constants import Constants
from noiseless.recipes.method import Method
from noiseless.recipes.parts import MethodBuilder, builder
from noiseless.registry import Choice
from noiseless.training.settings import Optimiser
from noiseless.values import Spec

__all__ = ["cv_vae", "two_stage_vae", "vae"]

LR = 1e-4


@dataclass(frozen=True)
class PublishedVAE:
    r"""A method's constants on one data set.

    Arguments:
        weight: weight of the divergence in the authors' code; our :math:`\beta` is C times that.
        epochs, batch: number of epochs and batch size, if they differ from the data set's.
    """

    weight: float
    epochs: int | None = None
    batch: int | None = None


VAE = {"mnist": PublishedVAE(0.312), "cifar10": PublishedVAE(0.024), "celeba": PublishedVAE(0.09024, batch=1000)}
CV_VAE = {"mnist": PublishedVAE(0.039), "cifar10": PublishedVAE(9e-4, epochs=70), "celeba": PublishedVAE(0.01)}


def vae(
    spec: Spec,
    networks: Networks = Networks(),
    optimiser: Optimiser = Optimiser(),
    *,
    beta: float | None = None,
    reconstruction: Choice = "squared-error",
    constants: Constants | None = None,
) -> Method:
    """Variational autoencoder (Kingma and Welling, 2014), with the constants of Ghosh et al.

    Arguments:
        beta: Weight of the KL divergence from N(0, I). Default: the paper's; 1 if the reconstruction is a likelihood.
        reconstruction: Reconstruction term: squared-error, bernoulli, gaussian:SIGMA or gaussian-learnt.
        constants: Use the paper's constants for this data set.
    """
    parts = builder(spec, networks, optimiser, constants, reconstruction, Variational)
    return variational(parts, VAE, beta, reconstruction, ("normal", "gmm", "gaussian"))


def cv_vae(
    spec: Spec,
    networks: Networks = Networks(),
    optimiser: Optimiser = Optimiser(),
    *,
    beta: float | None = None,
    sigma: float = 0.7,
    reconstruction: Choice = "squared-error",
    constants: Constants | None = None,
) -> Method:
    """Variational autoencoder with a constant posterior variance (CV-VAE).

    Arguments:
        beta: Weight of the KL divergence from N(0, I). Default: the paper's; 1 if the reconstruction is a likelihood.
        sigma: Standard deviation of the codes.
        reconstruction: Reconstruction term: squared-error, bernoulli, gaussian:SIGMA or gaussian-learnt.
        constants: Use the paper's constants for this data set.
    """
    parts = builder(spec, networks, optimiser, constants, reconstruction, lambda d: ConstantVariance(d, sigma))
    return variational(parts, CV_VAE, beta, reconstruction, ("gmm", "gaussian", "normal"))


def two_stage_vae(
    spec: Spec,
    networks: Networks = Networks(),
    optimiser: Optimiser = Optimiser(),
    *,
    beta: float | None = None,
    reconstruction: Choice = "squared-error",
    constants: Constants | None = None,
) -> Method:
    """Variational autoencoder with a second one on its codes (2sVAE; Dai and Wipf, 2019).

    The first stage is vae with the constants of Ghosh et al. Dai and Wipf learn the decoder's variance, for which use
    the reconstruction gaussian-learnt.

    Arguments:
        beta: Weight of the KL divergence from N(0, I). Default: the paper's; 1 if the reconstruction is a likelihood.
        reconstruction: Reconstruction term: squared-error, bernoulli, gaussian:SIGMA or gaussian-learnt.
        constants: Use the paper's constants for this data set.
    """
    parts = builder(spec, networks, optimiser, constants, reconstruction, Variational)
    return variational(parts, VAE, beta, reconstruction, ("second-stage", "gmm", "normal"))


def variational(
    parts: MethodBuilder,
    table: dict[str, PublishedVAE],
    beta: float | None,
    reconstruction: Choice,
    densities: tuple[str, ...],
    divergence: Penalty = kl,
) -> Method:
    """The method that adds the weighted divergence to the reconstruction."""
    published = table[parts.constants]
    nats = in_nats(reconstruction)
    weight = beta if beta is not None else 1.0 if nats else parts.channels * published.weight
    training = parts.training(epochs=published.epochs, batch=published.batch)
    calibrated = nats or beta is not None
    return parts.regularised({"kl": Term(weight, divergence)}, LR, training, densities, calibrated=calibrated)
