r"""Codes whose distribution is a normalising flow of a Gaussian: the encoder of a VAE that is not bound to Gaussian
posteriors.

.. math:: z = T(u; c(x)), \qquad u \sim N(\mu(x), \operatorname{diag} \sigma(x)^2), \qquad
    \log q(z \mid x) = \log N(u; \mu, \sigma^2) - \log \left\lvert \det \frac{\partial T}{\partial u} \right\rvert

T is a chain of affine autoregressive maps whose shifts and scales see the preceding dimensions of u and a context
:math:`c(x)` of the encoder, the order of dimensions turned round from one map to the next. A draw and its density cost
one pass through T together (an inverse autoregressive flow); the density of any other z would cost d passes, and
nothing here needs it. Without the context T would be the same for all data, and the model a VAE with another prior.

The mean of q has no closed form: where one code is wanted, it is :math:`T(\mu(x); c(x))`. :math:`\log \sigma = 5 \tanh`
of an output, as in :mod:`noiseless.autoencoder.bottlenecks.gaussian`.

Needs zuko: ``pip install 'noiseless[flow]'``. Sources: Variational inference with normalizing flows (Rezende, Mohamed,
2015), https://arxiv.org/abs/1505.05770; Improved variational inference with inverse autoregressive flow (Kingma,
Salimans, Jozefowicz, Chen, Sutskever, Welling, 2016), https://arxiv.org/abs/1606.04934.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from noiseless.autoencoder.bottlenecks.bottleneck import Bottleneck
from noiseless.autoencoder.bottlenecks.gaussian import BOUND
from noiseless.errors import InputError
from noiseless.nn.flow import zuko
from noiseless.values import DiagonalGaussian, Noise

__all__ = ["FlowPosterior", "Flowed"]


@runtime_checkable
class Invertible(Protocol):
    """An invertible map, as zuko has it."""

    def __call__(self, u: Tensor) -> Tensor:
        """The image of u."""

    def call_and_ladj(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """The image, and the logarithm of the Jacobian's absolute determinant."""


@dataclass
class Flowed:
    """A Gaussian code behind an invertible map.

    Arguments:
        base: the distribution of u.
        transform: T, with the context of these data.
    """

    base: DiagonalGaussian
    transform: Invertible

    @property
    def mean(self) -> Float[Tensor, "b d"]:
        """The image of the base's mean, which stands for the code where one is wanted."""
        return self.transform(self.base.mean)

    def sample(self, noise: Noise) -> Float[Tensor, "b d"]:
        """A draw."""
        return self.draw(noise)[0]

    def draw(self, noise: Noise) -> tuple[Float[Tensor, "b d"], Float[Tensor, " b"]]:
        r"""A draw z and its :math:`\log q(z \mid x)`, in nats, both differentiable in the distribution's parameters."""
        epsilon = noise.normal(self.base.mean)
        z, slope = self.transform.call_and_ladj(self.base.mean + self.base.log_std.exp() * epsilon)
        log_base = -(epsilon.square() / 2 + self.base.log_std + math.log(2 * math.pi) / 2).sum(1)
        return z, log_base - slope


class FlowPosterior(Bottleneck):
    r"""Mean, variance and context from the encoder: :math:`h = (\mu, a, c)`, :math:`\log \sigma = 5 \tanh a`.

    Arguments:
        latent_dim: d, the size of a code.
        transforms: how many autoregressive maps, 1 or more.
        hidden: units of each of the two hidden layers that give a map's shifts and scales, 1 or more.

    Raises:
        InputError: one of them is below 1, or zuko is not installed.
    """

    def __init__(self, latent_dim: int, transforms: int = 2, hidden: int = 64) -> None:
        super().__init__()
        if transforms < 1 or hidden < 1:
            raise InputError(f"a flow of {transforms} transforms with {hidden} hidden units; both must be 1 or more")
        self.latent_dim = latent_dim
        flow = zuko("a posterior that is a flow").flows.MAF
        made = flow(latent_dim, context=latent_dim, transforms=transforms, hidden_features=(hidden, hidden))
        self.flow = made.transform

    @property
    def inputs(self) -> int:
        """Three numbers a dimension of the code."""
        return 3 * self.latent_dim

    def forward(self, h: Float[Tensor, "b inputs"]) -> Flowed:
        """The posterior."""
        mean, bounded, context = h.chunk(3, dim=1)
        return Flowed(DiagonalGaussian(mean, BOUND * torch.tanh(bounded)), self.flow(context))
