r"""A mask that learns which dimensions of a code are used: MaskAAE's bottleneck.

.. math:: \tilde z = \mu \odot \hat z, \qquad \mu = 1 - e^{-M} \in [0, 1), \qquad M \ge 0, \quad M_j \sim U(a, b)

at initialisation. With the code's U(0, 5) most dimensions start nearly open (:math:`E \mu = 0.80`) and none fully. A
dimension is active if :math:`\mu_j \ge 0.1`. The bound on M is enforced by projection after every update, as in the
authors' code; at the boundary :math:`\partial \mu / \partial M = 1`, so a closed dimension could open again in
principle. In practice it does not, because eq. 14 has made its code constant by then. Nothing here pushes the mask
towards 0 or 1.

The mask is part of the decoder. A code is thus the encoder's unmasked :math:`\hat z`, and decoding multiplies it by
:math:`\mu`. Samples of N(0, I) therefore decode as the paper's :math:`\mu \odot z`, and any density can be fitted to
the codes as for every other method. In closed dimensions the codes are the encoder's outputs, which are nearly constant
by eq. 14 and have no effect.

Source: MaskAAE: latent space optimization for adversarial auto-encoders (Mondal, Chowdhury, Jayendran, Singla, Asnani,
Prathosh, UAI 2020), section 4, https://arxiv.org/abs/1912.04564; the distribution of M and the threshold are from its
code.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

__all__ = ["ACTIVE", "Mask", "MaskedDecoder"]

ACTIVE = 0.1
"""Smallest mask value of an active dimension."""
DECIDED = 0.99
"""Smallest mask value of a dimension that is clearly open."""
START = 0.0, 5.0
"""Bounds of M at initialisation."""


class Mask(nn.Module):
    """Maps codes to masked codes.

    Arguments:
        latent_dim: latent dimension d.
        start: bounds of the uniform distribution from which M is initialised.

    Attributes:
        m: the learnt parameter :math:`M`, shape (d,).
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
        """Which dimensions are active but not clearly open."""
        return self.active & (self.mu.detach() < DECIDED)

    def forward(self, z: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        r""":math:`\mu \odot z`."""
        return self.mu * z

    @torch.no_grad()
    def project(self) -> None:
        """Clamps M to be non-negative after an update."""
        self.m.clamp_(min=0)


class MaskedDecoder(nn.Module):
    """A decoder that masks its input.

    Arguments:
        latent_dim: latent dimension d.
        network: maps masked codes (B, d) to outputs.
        start: bounds of the mask's M at initialisation.
    """

    def __init__(self, latent_dim: int, network: nn.Module, start: tuple[float, float] = START) -> None:
        super().__init__()
        self.mask, self.network = Mask(latent_dim, start), network

    def forward(self, z: Float[Tensor, "b d"]) -> Tensor:
        """The network's outputs for the masked codes."""
        return self.network(self.mask(z))
