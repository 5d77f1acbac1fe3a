r"""The empirical distribution: samples are codes of the training set, with equal probability.

.. math:: q(z) = \frac1n \sum_i \delta(z - z_i)

Nothing new is generated: decoded samples are reconstructions of training examples. Their quality is what a perfect fit
to the codes would reach, and thus the reference for the other densities.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from noiseless.densities.density import LatentDensity, checked
from noiseless.densities.trained import at_least
from noiseless.errors import InputError

__all__ = ["DENSITIES", "Empirical", "empirical"]


class Empirical(LatentDensity):
    """Samples from the codes that it was fitted to, without replacement until all have been drawn.

    Arguments:
        dim: the dimension :math:`d` of the codes.
        keep: maximal number of codes to store, chosen at random.

    Attributes:
        codes: the stored codes, (keep, d).
        kept: the number of rows in use.
    """

    codes: Tensor
    kept: Tensor

    def __init__(self, dim: int, keep: int = 10_000) -> None:
        super().__init__(dim)
        self.register_buffer("codes", torch.zeros(keep, dim))
        self.register_buffer("kept", torch.zeros((), dtype=torch.int64))

    def fit(self, z: Float[Tensor, "n d"], generator: torch.Generator) -> Empirical:
        """Stores the codes, or a random subset of them."""
        z = checked(z, self.dim)
        chosen = torch.randperm(len(z), generator=generator, device=generator.device)[: len(self.codes)]
        self.codes[: len(chosen)] = z[chosen.to(z.device)].to(self.codes)
        self.kept.fill_(len(chosen))
        self.n.fill_(len(z))
        self.note = "samples are codes of the training set, so they decode to reconstructions and to nothing new"
        return self

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n d"]:
        """Codes in random order; codes repeat once all have been drawn."""
        self.require_fit()
        kept = int(self.kept)
        rounds = [torch.randperm(kept, generator=generator, device=generator.device) for _ in range(-(-n // kept))]
        return self.codes[torch.cat(rounds)[:n].to(self.codes.device)].float()

    def log_prob(self, z: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:  # noqa: ARG002
        """Not defined.

        Raises:
            InputError: always.
        """
        raise InputError("the density 'empirical' has no log-density: all its mass is in points")


def empirical(dim: int, keep: int = 10_000) -> Empirical:
    """The training codes themselves: samples are reconstructions of training examples.

    Arguments:
        dim: the dimension of the codes.
        keep: maximal number of codes to store.
    """
    at_least(1, "empirical", {"keep": keep})
    return Empirical(dim, keep)


DENSITIES: dict[str, Callable[[int], LatentDensity]] = {"empirical": empirical}
