r"""The KL divergence between the posterior and the prior N(0, I), estimated from one sample per example.

.. math:: \hat L_{KL} = \log q(z \mid x) - \log N(z; 0, I), \qquad z \sim q(z \mid x)

in nats. It is used where the divergence has no closed form, is unbiased, and can be negative for a single example. The
sample is independent of the one that is decoded, so this term depends on the forward pass only through the posterior.

Source: Variational inference with normalizing flows (Rezende, Mohamed, 2015), section 4,
https://arxiv.org/abs/1505.05770.
"""

from __future__ import annotations

import math

from jaxtyping import Float
from torch import Tensor

from noiseless.autoencoder import Autoencoder
from noiseless.autoencoder.bottlenecks.flow import Flowed
from noiseless.errors import InputError
from noiseless.values import Trace

__all__ = ["sampled_kl"]


def sampled_kl(trace: Trace, autoencoder: Autoencoder) -> Float[Tensor, ""]:  # noqa: ARG001
    """The estimate, averaged over the batch.

    Raises:
        InputError: the posterior cannot return samples with their density.
    """
    q = trace.q
    if not isinstance(q, Flowed):
        raise InputError(f"the sampled divergence from N(0, I) needs a flow as posterior, not {type(q).__name__}")
    z, log_q = q.draw(trace.batch.noise)
    log_p = -(z.square() + math.log(2 * math.pi)).sum(1) / 2
    return (log_q - log_p).mean()
