r"""Gaussian codes: the encoders of VAE and CV-VAE.

.. math:: q(z \mid x) = N(\mu(x), \operatorname{diag} \sigma(x)^2), \qquad
    \log \sigma = 5 \tanh h \;\text{(VAE)}, \qquad \sigma = 0.7 \;\text{(CV-VAE)}

The bound of the logarithm to (-5, 5) is that of the code of Ghosh et al.; so is 0.7, for every data set.

Source: From Variational to Deterministic Autoencoders (Ghosh et al., ICLR 2020), sections 2 and 3,
https://arxiv.org/abs/1903.12436; models/std_vae in https://github.com/ParthaEth/Regularized_autoencoders-RAE-.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from noiseless.autoencoder.bottlenecks.bottleneck import Bottleneck
from noiseless.errors import InputError
from noiseless.values import DiagonalGaussian

__all__ = ["ConstantVariance", "Variational"]

BOUND = 5.0


class Variational(Bottleneck):
    r"""Mean and variance from the encoder: :math:`h = (\mu, a)`, :math:`\log \sigma = 5 \tanh a`.

    Arguments:
        latent_dim: d, the size of a code.
        noise_scale: what the deviation of draws is multiplied by, above 0. The code of GrammarVAE has 0.01, while its
            divergence is that of :math:`\sigma` itself.

    Raises:
        InputError: ``noise_scale`` is not above 0.
    """

    def __init__(self, latent_dim: int, noise_scale: float = 1.0) -> None:
        super().__init__()
        if not 0 < noise_scale < math.inf:
            raise InputError(f"the scale of the codes' noise is {noise_scale}, and must be above 0")
        self.latent_dim, self.noise_scale = latent_dim, noise_scale

    @property
    def inputs(self) -> int:
        """Two numbers a dimension of the code."""
        return 2 * self.latent_dim

    def forward(self, h: Float[Tensor, "b inputs"]) -> DiagonalGaussian:
        """The posterior."""
        mean, bounded = h.chunk(2, dim=1)
        return DiagonalGaussian(mean, BOUND * torch.tanh(bounded), self.noise_scale)


class ConstantVariance(Bottleneck):
    r"""Mean from the encoder, the same :math:`\sigma` for all data and dimensions.

    Arguments:
        latent_dim: d, the size of a code.
        sigma: :math:`\sigma`, above 0.

    Raises:
        InputError: ``sigma`` is not above 0.
    """

    def __init__(self, latent_dim: int, sigma: float = 0.7) -> None:
        super().__init__()
        if not 0 < sigma < math.inf:
            raise InputError(f"the standard deviation of the codes is {sigma}, and must be above 0")
        self.latent_dim, self.sigma = latent_dim, sigma

    @property
    def inputs(self) -> int:
        """As many numbers as the code has."""
        return self.latent_dim

    def forward(self, h: Float[Tensor, "b d"]) -> DiagonalGaussian:
        """The posterior."""
        return DiagonalGaussian(h, torch.full_like(h, math.log(self.sigma)))
