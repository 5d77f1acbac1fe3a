r"""The divergence of a code from the prior N(0, I) where it has no closed form: an estimate from one draw a datum.

.. math:: \hat L_{KL} = \log q(z \mid x) - \log N(z; 0, I), \qquad z \sim q(z \mid x)

in nats; unbiased, and for a single datum sometimes negative. The draw is another one than the decoder's, so that this
term needs nothing of the pass but the law.

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
    """The mean over the batch of the estimate.

    Raises:
        InputError: the code's distribution gives no density with its draws.
    """
    q = trace.q
    if not isinstance(q, Flowed):
        raise InputError(f"the sampled divergence from N(0, I) needs a code that is a flow, not {type(q).__name__}")
    z, log_q = q.draw(trace.batch.noise)
    log_p = -(z.square() + math.log(2 * math.pi)).sum(1) / 2
    return (log_q - log_p).mean()
