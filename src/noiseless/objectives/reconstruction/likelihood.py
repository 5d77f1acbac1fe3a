r"""Negative log-likelihoods of the data given the output: sums over dimensions, means over the batch, in nats.

.. math::
    \text{bernoulli} \quad & -\sum_n x_n \log y_n + (1 - x_n) \log (1 - y_n), \qquad y = \operatorname{sigmoid}(a) \\
    \text{gaussian} \quad & \frac{\|x - y\|_2^2}{2 \sigma^2} + \frac N2 \log 2 \pi \sigma^2 \\
    \text{gaussian-learnt} \quad & \min_\sigma \text{ of the mean of the last} =
        \frac N2 \log (2 \pi e \, \overline{(x - y)^2})

The first is computed from the log-odds :math:`a`; for data strictly between 0 and 1 it is not a likelihood
(Loaiza-Ganem and Cunningham, 2019), but widely used. The last uses the variance that is optimal for the batch, in
closed form, so it needs no parameter; its gradient is that of the second with this :math:`\sigma`. The mean runs over
the batch (all processes) and all dimensions.

Weights published for the squared error do not apply to a likelihood: the gradient of the Gaussian likelihood equals
that of the squared error only for :math:`\sigma^2 = 1/2`.

Source: Simple and effective VAE training with calibrated decoders (Rybkin, Daniilidis, Levine, ICML 2021), section 4,
https://arxiv.org/abs/2006.13202; Diagnosing and enhancing VAE models (Dai, Wipf, ICLR 2019), which learns the variance,
https://arxiv.org/abs/1903.05789.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from noiseless.errors import InputError
from noiseless.nn.distributed import gather
from noiseless.objectives.reconstruction.term import Reconstruction

__all__ = ["ON_LOGITS", "RECONSTRUCTIONS", "GaussianLikelihood", "bernoulli", "gaussian_learnt"]

FLOOR = 1e-10
"""Lower bound on the learnt variance, for decoders that reproduce their data exactly."""


def bernoulli(logits: Float[Tensor, "b ..."], x: Float[Tensor, "b ..."]) -> Float[Tensor, ""]:
    """Cross-entropy of pixels in [0, 1], from the log-odds of the output."""
    return F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)


class GaussianLikelihood:
    """Gaussian likelihood with a fixed standard deviation.

    Arguments:
        sigma: the standard deviation of every value of an example, above 0.
    """

    def __init__(self, sigma: float = 1.0) -> None:
        if not 0 < sigma < math.inf:
            raise InputError(f"the standard deviation of a Gaussian likelihood is {sigma}, but must be above 0")
        self.sigma = sigma

    def __call__(self, y: Float[Tensor, "b ..."], x: Float[Tensor, "b ..."]) -> Float[Tensor, ""]:
        """The mean over the batch."""
        constant = x[0].numel() / 2 * math.log(2 * math.pi * self.sigma**2)
        return (y - x).square().sum() / (2 * self.sigma**2 * len(x)) + constant


def gaussian_learnt(y: Float[Tensor, "b ..."], x: Float[Tensor, "b ..."]) -> Float[Tensor, ""]:
    """Gaussian likelihood with the variance that is optimal for the batch."""
    variance = gather((y - x).square().mean()[None]).mean().clamp_min(FLOOR)
    return x[0].numel() / 2 * (2 * math.pi * math.e * variance).log()


def _bernoulli() -> Reconstruction:
    """Bernoulli likelihood on logits, for images."""
    return bernoulli


def _gaussian_learnt() -> Reconstruction:
    """Gaussian likelihood with the variance that is optimal for the batch."""
    return gaussian_learnt


RECONSTRUCTIONS: dict[str, Callable[..., Reconstruction]] = {
    "bernoulli": _bernoulli,
    "gaussian": GaussianLikelihood,
    "gaussian-learnt": _gaussian_learnt,
}
ON_LOGITS = ("bernoulli",)
IN_NATS = tuple(RECONSTRUCTIONS)
