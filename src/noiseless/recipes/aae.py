r"""Adversarial autoencoders (Makhzani, Shlens, Jaitly, Goodfellow, Frey, 2015), https://arxiv.org/abs/1511.05644.

.. math::
    \min_{E, D} L_{REC}, \qquad \min_C E_p\, \zeta(-C(p)) + E_z\, \zeta(C(z)), \qquad \min_E E_z\, \zeta(-C(z))

alternate, with :math:`p \sim N(0, I)` and :math:`\zeta(a) = \log(1 + e^a)`: the reconstruction phase, then the
regularisation phase, which updates the critic C and the encoder (section 2). The losses are never summed, so only the
learning rates of their updates weight them against each other.

Codes are deterministic or Gaussian (section 2; the universal approximator is omitted). Learning rates and critic are
ours: the critic and its learning rate are WAE-GAN's on MNIST, and the encoder is updated against it at the same rate.
"""

from __future__ import annotations

from typing import Literal

from noiseless.autoencoder import Networks
from noiseless.autoencoder.bottlenecks.gaussian import Variational
from noiseless.autoencoder.bottlenecks.point import Deterministic
from noiseless.objectives.penalties.critic import Logistic
from noiseless.recipes.constants import Constants
from noiseless.recipes.method import Method
from noiseless.recipes.parts import Critic, builder
from noiseless.registry import Choice
from noiseless.training.settings import Optimiser
from noiseless.values import Spec

__all__ = ["aae"]

LR = 1e-3
BOTTLENECKS = {"deterministic": Deterministic, "gaussian": Variational}


def aae(
    spec: Spec,
    networks: Networks = Networks(),
    optimiser: Optimiser = Optimiser(),
    *,
    posterior: Literal["deterministic", "gaussian"] = "deterministic",
    generator_lr: float = 5e-4,
    critic_width: int = 512,
    critic_depth: int = 4,
    critic_lr: float = 5e-4,
    reconstruction: Choice = "squared-error",
    constants: Constants | None = None,
) -> Method:
    """Adversarial autoencoder: a critic of codes, and a separate update of the encoder against it (AAE).

    Arguments:
        posterior: deterministic: the encoder returns the code; gaussian: it returns mean and variance of the code.
        generator_lr: Learning rate of the encoder against the critic, which weights the prior against reconstruction.
        critic_width: Units per hidden layer of the critic.
        critic_depth: Number of hidden layers of the critic.
        critic_lr: Learning rate of the critic.
        reconstruction: Reconstruction term: squared-error, bernoulli, gaussian:SIGMA or gaussian-learnt.
        constants: Use the latent dimension and epochs of Ghosh et al. for this data set.
    """
    parts = builder(spec, networks, optimiser, constants, reconstruction, BOTTLENECKS[posterior])
    critic = Critic(critic_width, critic_depth, critic_lr, Logistic(), generator_lr)
    return parts.adversarial(critic, LR, notes=("the learning rates were chosen by this library, not by the paper",))
