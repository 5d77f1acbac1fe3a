r"""Codes whose first two moments are fixed: EAE's batch norm, and its kin for other Gibbs distributions.

Among all distributions with mean 0 and variance 1 the standard normal has the largest entropy; among those with
:math:`E |z| = 1` it is the Laplace distribution. So codes normalised to such moments, with their entropy maximised
(:mod:`noiseless.objectives.penalties.entropy`), tend to that distribution, and can be sampled from it without fitting
anything.

.. math:: z = \frac{h - \bar h}{\sqrt{\overline{(h - \bar h)^2} + \epsilon}} \;\text{(BatchNormed)}, \qquad
    z = \frac{h - \bar h}{\overline{|h - \bar h|} + \epsilon} \;\text{(L1Normed)}

In training the means are those of the (joint) batch; after it, running means. Nothing is learnt here, and nothing but
these moments is enforced: codes may be dependent, and each of any distribution with these moments.

Source: Batch norm with entropic regularization turns deterministic autoencoders into generative models (Ghose, Rashwan,
Poupart, UAI 2020), section 3, https://arxiv.org/abs/2002.10631.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from noiseless.autoencoder.bottlenecks.bottleneck import Bottleneck
from noiseless.nn.distributed import BatchNorm, gather
from noiseless.values import Dirac

__all__ = ["BatchNormed", "L1Normed"]

EPS = 1e-6
"""Small, so that a variance of codes is 1 within 1e-6 of itself unless the codes themselves are minute."""


class BatchNormed(Bottleneck):
    """Codes of mean 0 and variance 1 in every dimension: batch norm without affine part.

    Arguments:
        latent_dim: d, the size of a code.
        momentum: weight of the newest batch in the running moments, in (0, 1].
    """

    def __init__(self, latent_dim: int, momentum: float = 0.01) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.norm = BatchNorm(latent_dim, affine=False, momentum=momentum, eps=EPS)

    @property
    def inputs(self) -> int:
        """As many numbers as the code has."""
        return self.latent_dim

    def forward(self, h: Float[Tensor, "b d"]) -> Dirac:
        """All mass in the normalised output."""
        return Dirac(self.norm(h))

    def standardised(self, z: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        """Codes of mean 0 and variance 1 over this batch, as in training."""
        return F.batch_norm(z, None, None, training=True, eps=EPS)


class L1Normed(Bottleneck):
    """Codes of mean 0 and mean absolute value 1 in every dimension.

    Arguments:
        latent_dim: d, the size of a code.
        momentum: weight of the newest batch in the running moments, in (0, 1].
    """

    maximum_entropy: ClassVar[str] = "laplace"
    mean: Tensor
    spread: Tensor
    batches: Tensor

    def __init__(self, latent_dim: int, momentum: float = 0.01) -> None:
        super().__init__()
        self.latent_dim, self.momentum = latent_dim, momentum
        self.register_buffer("mean", torch.zeros(latent_dim))
        self.register_buffer("spread", torch.zeros(latent_dim))
        self.register_buffer("batches", torch.zeros(()))

    @property
    def inputs(self) -> int:
        """As many numbers as the code has."""
        return self.latent_dim

    def forward(self, h: Float[Tensor, "b d"]) -> Dirac:
        """All mass in the normalised output."""
        mean, spread = self._batch(h) if self.training else self._running()
        return Dirac((h - mean) / (spread + EPS))

    def standardised(self, z: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        """Codes of mean 0 and mean absolute value 1 over this batch, as in training."""
        centred = z - z.mean(0)
        return centred / (centred.abs().mean(0) + EPS)

    def _batch(self, h: Tensor) -> tuple[Tensor, Tensor]:
        joint = gather(h)
        mean = joint.mean(0)
        spread = (joint - mean).abs().mean(0)
        with torch.no_grad():
            self.mean.lerp_(mean.to(self.mean.dtype), self.momentum)
            self.spread.lerp_(spread.to(self.spread.dtype), self.momentum)
            self.batches += 1
        return mean, spread

    def _running(self) -> tuple[Tensor, Tensor]:
        """Running means without the zeros that they began with; 0 and 1 before the first batch."""
        seen = 1 - (1 - self.momentum) ** self.batches
        new = self.batches == 0
        return torch.where(new, 0, self.mean / seen), torch.where(new, 1, self.spread / seen)


BOTTLENECKS: dict[str, Callable[[int], Bottleneck]] = {"batch": BatchNormed, "l1": L1Normed}
