r"""Batch norm with entropic regularization turns deterministic autoencoders into generative models (Ghose et al. 2020).

.. math:: L_{EAE} = L_{REC} - \lambda \hat H(z), \qquad z = BN(E(x))

A batch norm without affine parameters fixes the mean and variance of every latent dimension, and the entropy of the
codes of a batch is maximised: the distribution with these moments and the largest entropy is N(0, I), from which
samples are drawn without fitting a density. On CIFAR-10 the paper (https://arxiv.org/abs/2002.10631) adds a penalty on
the decoder's weights, on CelebA spectral normalisation. The corresponding constants cannot be recovered from the paper,
so those of RAE-L2 and RAE-SN are used. The scale of :math:`\lambda` is not recoverable either: the paper gives 0.05 and
1.0; our value of 1 refers to a reconstruction summed over pixels and an entropy in nats.
"""

from __future__ import annotations

from noiseless.autoencoder import Networks
from noiseless.autoencoder.bottlenecks.bottleneck import BOTTLENECK
from noiseless.nn.spectral import normalise
from noiseless.objectives.penalties.entropy import NegativeEntropy
from noiseless.objectives.penalties.norm import DecoderNorm
from noiseless.objectives.regularised import Term
from noiseless.recipes.constants import Constants
from noiseless.recipes.method import Method
from noiseless.recipes.parts import builder
from noiseless.registry import Choice
from noiseless.training.settings import Optimiser
from noiseless.values import Spec

__all__ = ["eae"]

LR: dict[str, float] = {"mnist": 5e-4, "cifar10": 5e-4, "celeba": 1e-3}
DECAY: dict[str, float] = {"mnist": 0.0, "cifar10": 1e-6, "celeba": 0.0}
"""The weight of the decoder's squared norm relative to N, as for RAE-L2 in the code of Ghosh et al."""
SPECTRAL = {"mnist": False, "cifar10": False, "celeba": True}
SCHEDULE = {"mnist": "plateau", "cifar10": "exponential", "celeba": "plateau"}


def eae(
    spec: Spec,
    networks: Networks = Networks(),
    optimiser: Optimiser = Optimiser(),
    *,
    weight: float = 1.0,
    k: int = 1,
    normalisation: Choice = "batch",
    decay: float | None = None,
    spectral: bool | None = None,
    reconstruction: Choice = "squared-error",
    constants: Constants | None = None,
) -> Method:
    """Entropic autoencoder: batch-normalised codes whose entropy is maximised (EAE).

    Arguments:
        weight: Weight of the entropy of the codes, in nats.
        k: Which nearest neighbour the entropy estimate uses.
        normalisation: batch: codes of mean 0 and variance 1, for which N(0, I) has the largest entropy; l1: codes of
            mean absolute value 1, for which the Laplace distribution has; sphere, cube: codes on the sphere of radius
            sqrt(d) or in the unit cube, for which the uniform distribution has; none: the encoder's outputs (the loss
            then has no minimum unless weight is 0). MODULE:NAME of your own is a bottleneck, made for a latent size.
        decay: Weight of the squared norm of the decoder's parameters. Default: RAE-L2's on CIFAR-10, otherwise 0.
        spectral: Apply spectral normalisation to all layers. Default: on CelebA only.
        reconstruction: Reconstruction term: squared-error, bernoulli, gaussian:SIGMA or gaussian-learnt.
        constants: Use the paper's constants for this data set.
    """
    bottleneck = BOTTLENECK.find(normalisation).build
    parts = builder(spec, networks, optimiser, constants, reconstruction, bottleneck)
    if SPECTRAL[parts.constants] if spectral is None else spectral:
        normalise(parts.autoencoder)
    terms = {"entropy": Term(weight, NegativeEntropy(k), min_batch_size=k + 1)}
    calibrated = decay is not None or not DECAY[parts.constants]
    decay = decay if decay is not None else parts.size * DECAY[parts.constants]
    if decay:
        terms["decoder"] = Term(decay, DecoderNorm())
    training = parts.training(schedule=SCHEDULE[parts.constants])
    notes = ("the weight of the entropy is this library's choice: the paper does not give the scale of its own",)
    densities = (parts.autoencoder.bottleneck.maximum_entropy, "gmm", "gaussian")
    return parts.regularised(terms, LR[parts.constants], training, densities, notes, calibrated=calibrated)
