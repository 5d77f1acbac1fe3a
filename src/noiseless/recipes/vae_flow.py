r"""A VAE whose posterior is a normalising flow (Rezende and Mohamed, 2015), https://arxiv.org/abs/1505.05770.

.. math:: L = L_{REC} + \beta\, \mathbb E_{q} [\log q(z \mid x) - \log N(z; 0, I)]

Dai and Wipf (2019, https://arxiv.org/abs/1903.05789), and others after them, compare with such a method in the row "VAE
+ flow", without specifying the flow and its settings. Here the flow is a chain of affine autoregressive maps
(:mod:`noiseless.autoencoder.bottlenecks.flow`), and everything else is as in ``vae``, so the two methods differ only in
the posterior.
"""

from __future__ import annotations

from noiseless.autoencoder import Networks
from noiseless.autoencoder.bottlenecks.flow import FlowPosterior
from noiseless.objectives.penalties.sampled_kl import sampled_kl
from noiseless.recipes.constants import Constants
from noiseless.recipes.method import Method
from noiseless.recipes.parts import builder
from noiseless.recipes.vae import VAE, variational
from noiseless.registry import Choice
from noiseless.training.settings import Optimiser
from noiseless.values import Spec

__all__ = ["vae_flow"]


def vae_flow(
    spec: Spec,
    networks: Networks = Networks(),
    optimiser: Optimiser = Optimiser(),
    *,
    beta: float | None = None,
    transforms: int = 2,
    hidden: int = 64,
    reconstruction: Choice = "squared-error",
    constants: Constants | None = None,
) -> Method:
    """Variational autoencoder whose posterior is a normalising flow; needs noiseless[flow].

    Arguments:
        beta: Weight of the KL divergence from N(0, I). Default: vae's; 1 if the reconstruction is a likelihood.
        transforms: Number of autoregressive maps of the posterior.
        hidden: Units of each of the two hidden layers of a map.
        reconstruction: Reconstruction term: squared-error, bernoulli, gaussian:SIGMA or gaussian-learnt.
        constants: Use the constants of Ghosh et al. for this data set.
    """
    parts = builder(
        spec, networks, optimiser, constants, reconstruction, lambda d: FlowPosterior(d, transforms, hidden)
    )
    return variational(parts, VAE, beta, reconstruction, ("normal", "gmm", "gaussian"), sampled_kl)
