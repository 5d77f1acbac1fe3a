r"""Uniform distributions on bounded sets of codes, which like N(0, I) have no fitted parameters.

.. math:: p(z) = \frac{\Gamma(d / 2)}{2 \pi^{d/2} d^{(d - 1)/2}}, \; \lVert z \rVert = \sqrt d \;\text{(sphere)}, \qquad
    p(z) = 1, \; 0 \le z_j \le 1 \;\text{(cube)}

Each has the largest entropy of all distributions on its set, so codes that are confined to it
(:mod:`noiseless.autoencoder.bottlenecks.bounded`) and whose entropy is maximised tend to it. The density on the sphere
is with respect to its surface. For codes that are not confined to the set, both are baselines that fail.

Reference: Batch norm with entropic regularization turns deterministic autoencoders into generative models, A. Ghose,
A. Rashwan, P. Poupart, 2020, section 3, https://arxiv.org/abs/2002.10631.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from noiseless.densities.density import LatentDensity, checked
from noiseless.densities.normal import standard

__all__ = ["DENSITIES", "Cube", "Sphere"]

TOLERANCE = 1e-3
"""How far the relative norm of a code may be from 1, for codes in half precision."""


class Sphere(LatentDensity):
    """Uniform on the sphere of radius sqrt(d), whatever the codes.

    Arguments:
        dim: the dimension d of the codes.
    """

    def fit(self, z: Float[Tensor, "n d"], generator: torch.Generator) -> Sphere:  # noqa: ARG002
        """Validates the codes and records their number; nothing is fitted."""
        self.n.fill_(len(checked(z, self.dim)))
        return self

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n d"]:
        """Directions of draws of N(0, I)."""
        draws = standard(n, self.dim, generator)
        return (draws / draws.norm(dim=1, keepdim=True) * self.dim**0.5).to(self.n.device, torch.float32)

    def log_prob(self, z: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
        """With respect to the surface; minus infinity for codes that are not on the sphere."""
        d = self.dim
        surface = math.log(2) + d / 2 * math.log(math.pi) - math.lgamma(d / 2) + (d - 1) / 2 * math.log(d)
        outside = (z.double().norm(dim=1) / d**0.5 - 1).abs() > TOLERANCE
        return torch.full_like(outside, -surface, dtype=torch.float64).masked_fill(outside, -math.inf)


class Cube(LatentDensity):
    """Uniform on the unit cube, whatever the codes.

    Arguments:
        dim: the dimension d of the codes.
    """

    def fit(self, z: Float[Tensor, "n d"], generator: torch.Generator) -> Cube:  # noqa: ARG002
        """Validates the codes and records their number; nothing is fitted."""
        self.n.fill_(len(checked(z, self.dim)))
        return self

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n d"]:
        """Independent coordinates, uniform between 0 and 1."""
        draws = torch.rand(n, self.dim, generator=generator, device=generator.device, dtype=torch.float64)
        return draws.to(self.n.device, torch.float32)

    def log_prob(self, z: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
        """0 in the cube, minus infinity outside."""
        inside = ((z >= 0) & (z <= 1)).all(dim=1)
        return torch.where(inside, 0.0, -math.inf).double()


DENSITIES: dict[str, Callable[[int], LatentDensity]] = {"sphere": Sphere, "cube": Cube}
