r"""What a critic of codes and the encoder play for: the losses of WAE-GAN, AAE and MaskAAE.

A critic D scores codes :math:`z \sim q(z)` and draws :math:`p \sim N(0, I)`; it is trained to tell them apart, the
encoder to make codes look like draws. Each game is two losses, both to be minimised:

.. math::
    \text{GAN:} \quad L_D &= E_p\, \zeta(-D(p)) + E_z\, \zeta(D(z)), \qquad L_E = E_z\, \zeta(-D(z)) \\
    \text{Wasserstein:} \quad L_D &= E_z D(z) - E_p D(p) + 10\, E_u (\|\nabla_u D(u)\|_2 - 1)^2, \qquad L_E = -E_z D(z)

with :math:`\zeta(a) = \log(1 + e^a)` and, for each code, :math:`u = p + a (z - p)`, :math:`a \sim U[0, 1]`. In the
first, D is a log-odds, the best one gives :math:`L_D = 2 \log 2 - 2 JS(q, N(0, I))`, and :math:`L_E` is the form whose
gradient does not vanish while the critic wins. In the second, the best among all 1-Lipschitz D gives minus the
Wasserstein distance for the first two terms, and the third keeps D near these.

Not enforced: that the critic is the best one, without which neither value is a distance; nor, outside the segments that
the penalty sees, that it is 1-Lipschitz. Codes of one dimension are no place for the second game: there the penalty is
a barrier between slopes of either sign, which a critic rarely crosses.

Every loss is a mean over codes, so on several processes none needs the joint batch.

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
    r"""The critic's :math:`E_p \zeta(-D(p)) + E_z \zeta(D(z))`, in nats: :math:`2 \log 2` where it can tell nothing."""
    return F.softplus(-on_prior).mean() + F.softplus(on_codes).mean()


def non_saturating(on_codes: Float[Tensor, " b"]) -> Float[Tensor, ""]:
    r"""The encoder's :math:`E_z \zeta(-D(z))`, in nats: :math:`\log 2` where the critic can tell nothing."""
    return F.softplus(-on_codes).mean()


def gradient_penalty(
    critic: nn.Module, p: Float[Tensor, "b d"], z: Float[Tensor, "b d"], noise: Noise
) -> Float[Tensor, ""]:
    r"""The mean of :math:`(\|\nabla_u D(u)\|_2 - 1)^2` at a point between each draw and its code."""
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
        """The critic's terms on draws of the prior and codes, by name; their sum is minimised."""

    @abstractmethod
    def generator(self, on_codes: Float[Tensor, " b"]) -> Float[Tensor, ""]:
        """The encoder's loss, given the critic's scores of its codes."""

    @abstractmethod
    def distance(self, on_prior: Float[Tensor, " b"], on_codes: Float[Tensor, " b"]) -> Float[Tensor, ""]:
        """How far apart the critic finds the two distributions: about 0 where it can tell nothing."""


class Logistic(Game):
    """The game of GAN, in its non-saturating form: a critic that gives log-odds."""

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
        """The Jensen-Shannon divergence, in nats, if the critic is the best one: at most log 2."""
        return math.log(2) - logistic(on_prior, on_codes) / 2


class Wasserstein(Game):
    """The game of WGAN-GP: a critic of differences, with a penalty on its gradient.

    Arguments:
        penalty: weight of the penalty, 0 or more.

    Raises:
        InputError: ``penalty`` is not.
    """

    def __init__(self, penalty: float = 10.0) -> None:
        if not 0 <= penalty < math.inf:
            raise InputError(f"the weight of the gradient penalty is {penalty}, and must be a number of 0 or more")
        self.penalty = penalty

    def critic(
        self, critic: nn.Module, p: Float[Tensor, "b d"], z: Float[Tensor, "b d"], noise: Noise
    ) -> dict[str, Tensor]:
        """Minus the estimated distance, and the penalty."""
        distance = self.distance(critic(p), critic(z))
        return {"distance": -distance, "gradient": self.penalty * gradient_penalty(critic, p, z, noise)}

    def generator(self, on_codes: Float[Tensor, " b"]) -> Float[Tensor, ""]:
        """Minus the mean score."""
        return -on_codes.mean()

    def distance(self, on_prior: Float[Tensor, " b"], on_codes: Float[Tensor, " b"]) -> Float[Tensor, ""]:
        """The Wasserstein distance, in the units of the codes, if the critic is the best one."""
        return on_prior.mean() - on_codes.mean()
