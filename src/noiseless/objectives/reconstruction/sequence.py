r"""Distances between a decoder's output and a sequence of tokens: summed over steps and tokens, means over the batch.

With one-hot data :math:`x_{tk}`, the decoder's logits :math:`a_{tk}` and the set :math:`A_t` of tokens that are allowed
where the true one is (all tokens, if these are characters),

.. math::
    p_{tk} &= \frac{[k \in A_t] \, e^{a_{tk}}}{\sum_{j \in A_t} e^{a_{tj}}} \\
    \text{categorical} \quad & -\sum_t \log p_{t x_t} \\
    \text{binary} \quad & -\sum_{t, k} x_{tk} \log p_{tk} + (1 - x_{tk}) \log (1 - p_{tk}) \\
    \text{squared-error} \quad & \sum_{t, k} (x_{tk} - p_{tk})^2

The first is the negative log-likelihood of the tokens, in nats; for a grammar, that of the derivation. The second is
what the code of GrammarVAE computes, as a sum: that code uses T times the mean over steps and tokens, which is 1 / D of
it, and a divergence averaged over the d latent dimensions, whose weight is therefore :math:`D / d` here. The third, the
Brier score, is also a proper scoring rule, and bounded; it is what "squared error" means for tokens. Steps at which
only one token is allowed, in particular padding, contribute nothing.

In the second, probabilities are clipped to a distance of :data:`EPSILON` from 0 and 1, as in Keras.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from noiseless.objectives.reconstruction.term import Reconstruction
from noiseless.strings import of
from noiseless.values import Spec

__all__ = ["SEQUENCES", "Binary", "Categorical", "SquaredError"]

EPSILON = 1e-7


class _Allowed:
    """The tokens that are allowed at each step, for data like ``spec``; cached per device."""

    def __init__(self, spec: Spec) -> None:
        self.table = of(spec).alternatives()

    def log_probabilities(self, a: Float[Tensor, "b t k"], x: Float[Tensor, "b t"]) -> Float[Tensor, "b t k"]:
        self.table = self.table.to(a.device)
        return F.log_softmax(a.masked_fill(~self.table[x.long()], -torch.inf), dim=2)


class Categorical:
    """Cross-entropy of the true token among the allowed ones, in nats."""

    def __init__(self, spec: Spec) -> None:
        self.allowed = _Allowed(spec)

    def __call__(self, a: Float[Tensor, "b t k"], x: Float[Tensor, "b t"]) -> Float[Tensor, ""]:
        """The mean over the batch."""
        log_p = self.allowed.log_probabilities(a, x)
        return -log_p.gather(2, x.long()[:, :, None]).sum() / len(x)


class Binary:
    """Binary cross-entropy of every token's probability, as in the code of GrammarVAE."""

    def __init__(self, spec: Spec) -> None:
        self.allowed = _Allowed(spec)

    def __call__(self, a: Float[Tensor, "b t k"], x: Float[Tensor, "b t"]) -> Float[Tensor, ""]:
        """The mean over the batch."""
        log_p = self.allowed.log_probabilities(a, x)
        true = F.one_hot(x.long(), a.shape[2]).bool()
        hit = log_p.masked_select(true).clamp_min(math.log(EPSILON))
        miss = torch.log1p(-log_p.masked_select(~true).exp().clamp_max(1 - EPSILON))
        return -(hit.sum() + miss.sum()) / len(x)


class SquaredError:
    """Squared error of the tokens' probabilities (Brier's score)."""

    def __init__(self, spec: Spec) -> None:
        self.allowed = _Allowed(spec)

    def __call__(self, a: Float[Tensor, "b t k"], x: Float[Tensor, "b t"]) -> Float[Tensor, ""]:
        """The mean over the batch."""
        p = self.allowed.log_probabilities(a, x).exp()
        return (F.one_hot(x.long(), a.shape[2]) - p).square().sum() / len(x)


SEQUENCES: dict[str, Callable[[Spec], Reconstruction]] = {
    "binary": Binary,
    "categorical": Categorical,
    "squared-error": SquaredError,
}
IN_NATS = ("binary", "categorical")
