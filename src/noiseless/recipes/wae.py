r"""Wasserstein autoencoders (Tolstikhin, Bousquet, Gelly, Schölkopf, ICLR 2018), https://arxiv.org/abs/1711.01558.

.. math:: L = L_{REC} + \lambda \, D(q(z), N(0, I)), \qquad q(z) = \frac1n \sum_i \delta(z - E(x_i))

Codes are deterministic, and their aggregated distribution is pulled towards the prior: by the maximum mean discrepancy
(wae-mmd) or by a critic of codes (wae-gan, algorithm 1: alternating updates of critic and autoencoder). The constants
of wae-mmd are those that Ghosh et al. (ICLR 2020) use for comparison, models/wae_mmd in their code, converted from
means over pixels to sums; its noise on CelebA's inputs is omitted. Those of wae-gan are from Tolstikhin et al.
(:data:`PUBLISHED`).
"""

from __future__ import annotations

from dataclasses import dataclass

from noiseless.autoencoder import Networks
from noiseless.objectives.penalties.critic import Logistic
from noiseless.objectives.penalties.mmd import MMD, Kernel
from noiseless.objectives.regularised import Term
from noiseless.recipes.constants import Constants
from noiseless.recipes.method import Method
from noiseless.recipes.parts import Critic, builder
from noiseless.registry import Choice
from noiseless.training.settings import Optimiser
from noiseless.values import Spec

__all__ = ["wae_gan", "wae_mmd"]

LR = 1e-3
MMD_EPOCHS = {"cifar10": 70}
"""Epochs of wae-mmd where the code of Ghosh et al. deviates from those of most methods."""


@dataclass(frozen=True)
class PublishedWAE:
    r"""The constants of wae-gan on one data set.

    Arguments:
        weight: :math:`\lambda / N` for a reconstruction that is a sum. The code's reconstruction is 0.05 times the sum;
            for CelebA, whose images are in [-1, 1] there, that is 0.05 times four times ours. Hence :math:`\lambda =
            \lambda_c / 0.05` or :math:`\lambda_c / 0.2`.
        lr, critic_lr: learning rates of autoencoder and critic.
        epochs: number of epochs, if it differs from the data set's.
    """

    weight: float
    lr: float
    critic_lr: float
    epochs: int | None = None


PUBLISHED: dict[str, PublishedWAE] = {
    "mnist": PublishedWAE(10 / 0.05 / 784, 1e-3, 5e-4),
    "cifar10": PublishedWAE(1 / 0.2 / 12288, 3e-4, 1e-3),  # not published: CelebA's, relative to N
    "celeba": PublishedWAE(1 / 0.2 / 12288, 3e-4, 1e-3, epochs=55),
}


def wae_mmd(
    spec: Spec,
    networks: Networks = Networks(),
    optimiser: Optimiser = Optimiser(),
    *,
    weight: float | None = None,
    kernel: Kernel = "imq",
    reconstruction: Choice = "squared-error",
    constants: Constants | None = None,
) -> Method:
    """Wasserstein autoencoder with the maximum mean discrepancy (WAE-MMD).

    Arguments:
        weight: Weight of the squared discrepancy. Default: that of Ghosh et al.
        kernel: imq: inverse multiquadric (as in the papers); rbf: Gaussian, with our scales. Both are sums over seven
            scales.
        reconstruction: Reconstruction term: squared-error, bernoulli, gaussian:SIGMA or gaussian-learnt.
        constants: Use the paper's constants for this data set.
    """
    parts = builder(spec, networks, optimiser, constants, reconstruction)
    chosen = weight if weight is not None else parts.discrepancy
    ours = kernel == "rbf" and weight is None
    notes = ("the weight of the discrepancy is that of the kernel imq: none is published for rbf",) if ours else ()
    terms = {"mmd": Term(chosen, MMD(kernel), min_batch_size=2)}
    training = parts.training(epochs=MMD_EPOCHS.get(parts.constants))
    densities = ("normal", "gmm", "gaussian")
    return parts.regularised(terms, LR, training, densities, notes, calibrated=weight is not None)


def wae_gan(
    spec: Spec,
    networks: Networks = Networks(),
    optimiser: Optimiser = Optimiser(),
    *,
    weight: float | None = None,
    critic_width: int = 512,
    critic_depth: int = 4,
    critic_lr: float | None = None,
    reconstruction: Choice = "squared-error",
    constants: Constants | None = None,
) -> Method:
    """Wasserstein autoencoder with a critic of its codes (WAE-GAN).

    Arguments:
        weight: Weight of the encoder's loss against the critic. Default: the paper's.
        critic_width: Units per hidden layer of the critic.
        critic_depth: Number of hidden layers of the critic.
        critic_lr: Learning rate of the critic. Default: the paper's.
        reconstruction: Reconstruction term: squared-error, bernoulli, gaussian:SIGMA or gaussian-learnt.
        constants: Use the paper's constants for this data set.
    """
    parts = builder(spec, networks, optimiser, constants, reconstruction)
    published = PUBLISHED[parts.constants]
    chosen = weight if weight is not None else published.weight * spec.size
    rate = critic_lr if critic_lr is not None else published.critic_lr
    critic = Critic(critic_width, critic_depth, rate, Logistic(), weight=chosen)
    taken = {"weight against the critic": weight, "learning rate": optimiser.lr, "critic's learning rate": critic_lr}
    ours = [name for name, given in taken.items() if given is None] if parts.constants == "cifar10" else []
    notes = tuple(f"the {name} is CelebA's: none is published for CIFAR-10" for name in ours)
    training = parts.training(epochs=published.epochs)
    return parts.adversarial(critic, published.lr, training, notes, calibrated=weight is not None)
