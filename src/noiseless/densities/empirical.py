r"""The codes themselves: draws are codes of training data, with equal probability.

.. math:: q(z) = \frac1n \sum_i \delta(z - z_i)

Nothing new is drawn. Decoded, these are reconstructions of training data: what the best of densities could not do
better on without inventing anything, and the yardstick for those that do.
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
    """Draws codes that it was fitted to, without replacement as far as they suffice.

    Arguments:
        dim: the dimension :math:`d` of the codes.
        keep: how many codes are kept at the most, chosen at random.

    Attributes:
        codes: what is kept, (keep, d).
        kept: how many of its rows are.
    """

    codes: Tensor
    kept: Tensor

    def __init__(self, dim: int, keep: int = 10_000) -> None:
        super().__init__(dim)
        self.register_buffer("codes", torch.zeros(keep, dim))
        self.register_buffer("kept", torch.zeros((), dtype=torch.int64))

    def fit(self, z: Float[Tensor, "n d"], generator: torch.Generator) -> Empirical:
        """Keeps the codes, or a random part of them."""
        z = checked(z, self.dim)
        chosen = torch.randperm(len(z), generator=generator, device=generator.device)[: len(self.codes)]
        self.codes[: len(chosen)] = z[chosen.to(z.device)].to(self.codes)
        self.kept.fill_(len(chosen))
        self.n.fill_(len(z))
        self.note = "draws are codes of training data, which decode to reconstructions and to nothing new"
        return self

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n d"]:
        """Codes in random order; the same one again once all have been drawn."""
        self.require_fit()
        kept = int(self.kept)
        rounds = [torch.randperm(kept, generator=generator, device=generator.device) for _ in range(-(-n // kept))]
        return self.codes[torch.cat(rounds)[:n].to(self.codes.device)].float()

    def log_prob(self, z: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:  # noqa: ARG002
        """There is none.

        Raises:
            InputError: always.
        """
        raise InputError("the density 'empirical' has no log-density: all its mass is in points")


def empirical(dim: int, keep: int = 10_000) -> Empirical:
    """The training codes themselves: draws are reconstructions of training data.

    Arguments:
        dim: the dimension of the codes.
        keep: how many codes are kept at the most.
    """
    at_least(1, "empirical", {"keep": keep})
    return Empirical(dim, keep)


DENSITIES: dict[str, Callable[[int], LatentDensity]] = {"empirical": empirical}
