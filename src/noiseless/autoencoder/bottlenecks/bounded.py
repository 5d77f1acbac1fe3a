r"""Codes confined to a bounded set, on which the uniform distribution has the largest entropy.

.. math:: z = \sqrt d \, \frac{h}{\lVert h \rVert} \;\text{(Spherical)}, \qquad
    z_j = \frac{1}{1 + e^{-h_j}} \;\text{(UnitCube)}

Codes whose entropy is maximised (:mod:`noiseless.objectives.penalties.entropy`) tend to the uniform distribution on the
sphere or on the cube, and can be sampled from it without fitting anything (:mod:`noiseless.densities.uniform`). Each
code is confined by itself: no moments of a batch are needed. The sphere has the radius :math:`\sqrt d`, so that
coordinates have the mean square 1, as those of N(0, I).

Source: other constraints than moments are named in section 3 of Batch norm with entropic regularization turns
deterministic autoencoders into generative models (Ghose, Rashwan, Poupart, UAI 2020), https://arxiv.org/abs/2002.10631;
these two are this library's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from noiseless.autoencoder.bottlenecks.bottleneck import Bottleneck
from noiseless.autoencoder.bottlenecks.point import Deterministic
from noiseless.errors import InputError
from noiseless.values import Dirac

__all__ = ["Spherical", "UnitCube"]


class Spherical(Deterministic):
    """Codes on the sphere of radius sqrt(d).

    Arguments:
        latent_dim: d, the size of a code, 2 or more.

    Raises:
        InputError: ``latent_dim`` is 1, where the sphere is two points.
    """

    maximum_entropy: ClassVar[str] = "sphere"

    def __init__(self, latent_dim: int) -> None:
        super().__init__(latent_dim)
        if latent_dim < 2:
            raise InputError("codes on a sphere have 2 dimensions or more; give latent_dim=2 or more")

    @property
    def dimensions(self) -> int:
        """One less than the size of a code."""
        return self.latent_dim - 1

    def forward(self, h: Float[Tensor, "b d"]) -> Dirac:
        """All mass in the point of the sphere in the direction of ``h``."""
        return Dirac(F.normalize(h) * self.latent_dim**0.5)


class UnitCube(Deterministic):
    """Codes whose coordinates lie between 0 and 1.

    Arguments:
        latent_dim: d, the size of a code.
    """

    maximum_entropy: ClassVar[str] = "cube"

    def forward(self, h: Float[Tensor, "b d"]) -> Dirac:
        """All mass in the logistic function of ``h``."""
        return Dirac(torch.sigmoid(h))


BOTTLENECKS: dict[str, Callable[[int], Bottleneck]] = {"sphere": Spherical, "cube": UnitCube}
