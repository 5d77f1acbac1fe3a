r"""The KL divergence between a Gaussian posterior and the prior N(0, I): the term of VAE.

.. math::
    L_{KL} = KL(q(z \mid x) \,\|\, N(0, I)) = \tfrac12 \sum_{j=1}^d (\mu_j^2 + \sigma_j^2 - 1 - 2 \log \sigma_j)

in nats. With a constant :math:`\sigma`, as in CV-VAE, it is :math:`\tfrac12 \|\mu\|_2^2` plus a constant. Each
posterior is pulled towards the prior; that the aggregated posterior equals the prior is not enforced.

Source: Auto-encoding variational Bayes (Kingma, Welling, 2014), appendix B, https://arxiv.org/abs/1312.6114.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from noiseless.autoencoder import Autoencoder
from noiseless.errors import InputError
from noiseless.values import DiagonalGaussian, Trace

__all__ = ["kl"]


def kl(trace: Trace, autoencoder: Autoencoder) -> Float[Tensor, ""]:  # noqa: ARG001
    """The divergence, averaged over the batch.

    Raises:
        InputError: the posterior is not Gaussian, so that the divergence is infinite.
    """
    q = trace.q
    if not isinstance(q, DiagonalGaussian):
        raise InputError(f"the divergence from N(0, I) needs a Gaussian posterior, not {type(q).__name__}")
    return (q.mean.square() + (2 * q.log_std).exp() - 1 - 2 * q.log_std).sum() / (2 * len(q.mean))
