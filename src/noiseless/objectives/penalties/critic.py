r"""The adversarial losses of encoder and critic in WAE-GAN, AAE and MaskAAE.

A critic D scores codes :math:`z \sim q(z)` and samples :math:`p \sim N(0, I)` of the prior. It is trained to
distinguish them, and the encoder is trained to make them indistinguishable. Each game consists of two losses, both
minimised:

.. math::
    \text{GAN:} \quad L_D &= E_p\, \zeta(-D(p)) + E_z\, \zeta(D(z)), \qquad L_E = E_z\, \zeta(-D(z)) \\
    \text{Wasserstein:} \quad L_D &= E_z D(z) - E_p D(p) + 10\, E_u (\|\nabla_u D(u)\|_2 - 1)^2, \qquad L_E = -E_z D(z)

with :math:`\zeta(a) = \log(1 + e^a)` and, for each code, :math:`u = p + a (z - p)`, :math:`a \sim U[0, 1]`. In the
first game D is a log-odds, an optimal critic has :math:`L_D = 2 \log 2 - 2 JS(q, N(0, I))`, and :math:`L_E` is the
non-saturating form, whose gradient does not vanish while the critic wins. In the second, for an optimal 1-Lipschitz D
the first two terms equal minus the Wasserstein distance, and the third keeps D close to 1-Lipschitz.

Not enforced: that the critic is optimal, without which neither value is a distance; nor that it is 1-Lipschitz outside
the segments on which the penalty is evaluated. The second game is unsuitable for one-dimensional codes: the penalty is
then a barrier between positive and negative slopes, which a critic rarely crosses.

Every loss is a mean over codes, so none needs the global batch on several processes.

Sources: Generative adversarial nets (Goodfellow et al., 2014), section 3, https://arxiv.org/abs/1406.2661; Wasserstein
auto-encoders (Tolstikhin et al., ICLR 2018), algorithm 1, https://arxiv.org/abs/1711.01558; Improved training of
Wasserstein GANs (Gulrajani et al., 2017), eq. 3, https://arxiv.org/abs/1704.00028; MaskAAE (Mondal et al., UAI 2020),
eqs. 15 and 16, https://arxiv.org/abs/1912.04564.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from noiseless.errors import InputError
from noiseless.values import Noise

__all__ = ["Game", "Logistic", "Wasserstein", "gradient_penalty", "logistic", "non_saturating"]


def logistic(on_prior: Float[Tensor, " b"], on_codes: Float[Tensor, " b"]) -> Float[Tensor, ""]:
    r"""The critic's :math:`E_p \zeta(-D(p)) + E_z \zeta(D(z))`, in nats; :math:`2 \log 2` at chance level."""
    return F.softplus(-on_prior).mean() + F.softplus(on_codes).mean()


def non_saturating(on_codes: Float[Tensor, " b"]) -> Float[Tensor, ""]:
    r"""The encoder's :math:`E_z \zeta(-D(z))`, in nats; :math:`\log 2` for a critic at chance level."""
    return F.softplus(-on_codes).mean()


def gradient_penalty(
    critic: nn.Module, p: Float[Tensor, "b d"], z: Float[Tensor, "b d"], noise: Noise
) -> Float[Tensor, ""]:
    r"""The mean of :math:`(\|\nabla_u D(u)\|_2 - 1)^2` at a random point between each prior sample and its code."""
    u = torch.lerp(p, z, noise.uniform(z[:, :1].detach())).detach().requires_grad_()
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad(critic(u).sum(), u, create_graph=True)
    return (gradient.norm(dim=1) - 1).square().mean()


class Game(ABC):
    """The losses of a critic and of the encoder against it."""

    @abstractmethod
    def critic(
        self, critic: nn.Module, p: Float[Tensor, "b d"], z: Float[Tensor, "b d"], noise: Noise
    ) -> dict[str, Tensor]:
        """The critic's named terms on samples of the prior and codes; their sum is minimised."""

    @abstractmethod
    def generator(self, on_codes: Float[Tensor, " b"]) -> Float[Tensor, ""]:
        """The encoder's loss, given the critic's scores of its codes."""

    @abstractmethod
    def distance(self, on_prior: Float[Tensor, " b"], on_codes: Float[Tensor, " b"]) -> Float[Tensor, ""]:
        """The critic's estimate of the distance between the two distributions; about 0 at chance level."""


class Logistic(Game):
    """The losses of GAN in the non-saturating form: the critic returns log-odds."""

    def critic(
        self,
        critic: nn.Module,
        p: Float[Tensor, "b d"],
        z: Float[Tensor, "b d"],
        noise: Noise,  # noqa: ARG002
    ) -> dict[str, Tensor]:
        """The logistic loss."""
        return {"logistic": logistic(critic(p), critic(z))}

    def generator(self, on_codes: Float[Tensor, " b"]) -> Float[Tensor, ""]:
        """The non-saturating loss."""
        return non_saturating(on_codes)

    def distance(self, on_prior: Float[Tensor, " b"], on_codes: Float[Tensor, " b"]) -> Float[Tensor, ""]:
        """The Jensen-Shannon divergence in nats, at most log 2, if the critic is optimal."""
        return math.log(2) - logistic(on_prior, on_codes) / 2


class Wasserstein(Game):
    """The losses of WGAN-GP: the critic's scores are compared by difference, with a gradient penalty.

    Arguments:
        penalty: weight of the gradient penalty, 0 or more.

    Raises:
        InputError: ``penalty`` is negative or not finite.
    """

    def __init__(self, penalty: float = 10.0) -> None:
        if not 0 <= penalty < math.inf:
            raise InputError(f"the weight of the gradient penalty is {penalty}, but must be a number of 0 or more")
        self.penalty = penalty

    def critic(
        self, critic: nn.Module, p: Float[Tensor, "b d"], z: Float[Tensor, "b d"], noise: Noise
    ) -> dict[str, Tensor]:
        """Minus the estimated distance, and the gradient penalty."""
        distance = self.distance(critic(p), critic(z))
        return {"distance": -distance, "gradient": self.penalty * gradient_penalty(critic, p, z, noise)}

    def generator(self, on_codes: Float[Tensor, " b"]) -> Float[Tensor, ""]:
        """Minus the mean score."""
        return -on_codes.mean()

    def distance(self, on_prior: Float[Tensor, " b"], on_codes: Float[Tensor, " b"]) -> Float[Tensor, ""]:
        """The Wasserstein distance in the units of the codes, if the critic is optimal."""
        return on_prior.mean() - on_codes.mean()
