r"""A mask that learns which dimensions of a code are used: MaskAAE's bottleneck.

.. math:: \tilde z = \mu \odot \hat z, \qquad \mu = 1 - e^{-M} \in [0, 1), \qquad M \ge 0, \quad M_j \sim U(a, b)

at first. With the code's U(0, 5) most dimensions start nearly open (:math:`E \mu = 0.80`) and none is fully. A
dimension is active where :math:`\mu_j \ge 0.1`. The bound of M holds by projection after every update, as in the
authors' code; at the boundary :math:`\partial \mu / \partial M = 1`, so that a closed dimension may open again in
principle. In practice it does not: eq. 14 has made its code constant by then. Nothing here draws the mask to 0 or 1.

The mask stands in front of the decoder. A code is thus the encoder's unmasked :math:`\hat z`, and decoding it
multiplies by :math:`\mu`; so do draws of N(0, I), which decode as the paper's :math:`\mu \odot z`, and every density
may be fitted to codes as to those of any other method. In closed dimensions codes are what the encoder gives there:
about constant, by eq. 14, and of no effect.

Source: MaskAAE: latent space optimization for adversarial auto-encoders (Mondal, Chowdhury, Jayendran, Singla, Asnani,
    Prathosh, UAI 2020), section 4, https://arxiv.org/abs/1912.04564; the distribution of M and the threshold are from
    its code.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

__all__ = ["ACTIVE", "Mask", "MaskedDecoder"]

ACTIVE = 0.1
"""The least mask of an active dimension."""
DECIDED = 0.99
"""The least mask of a dimension that is open beyond doubt."""
START = 0.0, 5.0
"""The least and the largest M at the start."""


class Mask(nn.Module):
    """Codes to masked codes.

    Arguments:
        latent_dim: d, the size of a code.
        start: the bounds between which M is drawn at the start.

    Attributes:
        m: :math:`M`, shape (d,), what is learnt.
    """

    def __init__(self, latent_dim: int, start: tuple[float, float] = START) -> None:
        super().__init__()
        self.m = nn.Parameter(start[0] + (start[1] - start[0]) * torch.rand(latent_dim))

    @property
    def mu(self) -> Float[Tensor, " d"]:
        r""":math:`\mu`, differentiable in M."""
        return -torch.expm1(-self.m)

    @property
    def active(self) -> Bool[Tensor, " d"]:
        """Which dimensions are active."""
        return self.mu.detach() >= ACTIVE

    @property
    def undecided(self) -> Bool[Tensor, " d"]:
        """Which dimensions are active, and not open beyond doubt."""
        return self.active & (self.mu.detach() < DECIDED)

    def forward(self, z: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        r""":math:`\mu \odot z`."""
        return self.mu * z

    @torch.no_grad()
    def project(self) -> None:
        """Brings M back to 0 where an update took it below."""
        self.m.clamp_(min=0)


class MaskedDecoder(nn.Module):
    """A decoder behind a mask.

    Arguments:
        latent_dim: d, the size of a code.
        network: maps masked codes (B, d) to data.
        start: the bounds of the mask's M at the start.
    """

    def __init__(self, latent_dim: int, network: nn.Module, start: tuple[float, float] = START) -> None:
        super().__init__()
        self.mask, self.network = Mask(latent_dim, start), network

    def forward(self, z: Float[Tensor, "b d"]) -> Tensor:
        """What the network makes of the masked codes."""
        return self.network(self.mask(z))
