r"""The entropy of the codes of a batch, which is maximised: the term of EAE.

.. math:: L_H = -\hat H_k(z_1, \dots, z_B)

Among codes of mean 0 and variance 1 (:class:`noiseless.autoencoder.bottlenecks.normalised.BatchNormed`) the entropy is
largest for N(0, I), with value :math:`\frac d2 \log 2 \pi e`, so minimising the term pulls the aggregated posterior
towards N(0, I); other constraints have other such distributions. The estimate is
:func:`noiseless.metrics.entropy.entropy` on the global batch of all processes. Without a bottleneck that fixes the
scale of the codes, the term has no minimum.

In validation, codes are normalised by moments of other batches, so that their variance is not exactly 1, and a larger
one would count as entropy. There the estimate is of codes that the bottleneck standardises by the validation batch's
own moments, as it does in training: it cannot be raised by their scale.

Not enforced: normality itself. In 16 or more dimensions, a batch of 100 contains little information about the shape of
the distribution beyond its spread, and the weight determines the trade-off against reconstruction.

Source: Batch norm with entropic regularization turns deterministic autoencoders into generative models (Ghose, Rashwan,
Poupart, UAI 2020), section 3, https://arxiv.org/abs/2002.10631. The scale of the weight is not recoverable from it;
here the reconstruction is a sum over pixels and the entropy in nats.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from noiseless.autoencoder import Autoencoder
from noiseless.errors import InputError
from noiseless.metrics.entropy import entropy
from noiseless.nn.distributed import gather
from noiseless.values import Trace

__all__ = ["NegativeEntropy"]


class NegativeEntropy:
    r"""Minus the estimate of the entropy of the codes, in nats.

    Arguments:
        k: which nearest neighbour the estimate uses, at least 1 and less than the batch size.
    """

    def __init__(self, k: int = 1) -> None:
        if k < 1:
            raise InputError(f"k is {k}, but must be 1 or more: the first neighbour is the nearest")
        self.k = k

    def __call__(self, trace: Trace, autoencoder: Autoencoder) -> Float[Tensor, ""]:
        """Minus the entropy of the global batch; 0 for a last batch of validation that is too small for an estimate."""
        z, bottleneck = gather(trace.z), autoencoder.bottleneck
        if trace.batch.step is None:
            if len(z) <= self.k:
                return z.new_zeros(())
            z = bottleneck.standardised(z)
        return -entropy(z, self.k, bottleneck.dimensions)
