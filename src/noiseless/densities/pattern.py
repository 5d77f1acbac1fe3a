r"""Fresh patterns: the distribution of the codes :math:`e(p)` of random patterns p, drawn by the model itself.

A deciphering autoencoder (Maeda, 2023, https://arxiv.org/abs/2310.01712) needs no density fitted to its codes: its
encoder turns new patterns into codes. So nothing is fitted here; what draws is the model's objective, to which
:meth:`Pattern.bind` ties the density when a run is opened.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from noiseless.densities.density import LatentDensity, checked
from noiseless.errors import InputError
from noiseless.objectives.objective import Objective

__all__ = ["DENSITIES", "Pattern"]


class Pattern(LatentDensity):
    """Codes of fresh random patterns; for deciphering autoencoders alone.

    Arguments:
        dim: the dimension :math:`d` of the codes.
        even: whether patterns are uniform, as in the paper's code, which gives clusters of few and of many data about
            the same share; else clusters have their shares of the data. Running moments are those of uniform patterns.
    """

    def __init__(self, dim: int, even: bool = True) -> None:
        super().__init__(dim)
        self.even = even
        self._draw: Callable[[int, torch.Generator], Tensor] | None = None

    def bind(self, objective: Objective, model: str = "this one") -> Pattern:
        """Ties the density to the model whose patterns it draws.

        Arguments:
            objective: the model's.
            model: what an error calls it.

        Raises:
            InputError: the model has none.
        """
        if not objective.draws_codes:
            raise InputError(
                f"the density 'pattern' draws fresh patterns of a deciphering autoencoder, and {model} has none; take "
                f"another, such as gmm"
            )
        self._draw = objective.draw if self.even else partial(objective.draw, even=False)
        return self

    def fit(self, z: Float[Tensor, "n d"], generator: torch.Generator) -> Pattern:  # noqa: ARG002
        """Checks the codes, and learns nothing from them but their number."""
        self.n.fill_(len(checked(z, self.dim)))
        return self

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n d"]:
        """Codes of n fresh patterns.

        Raises:
            InputError: no model draws them yet.
        """
        if self._draw is None:
            raise InputError("the density 'pattern' belongs to a deciphering autoencoder; call bind(objective) first")
        return self._draw(n, generator).to(self.n.device, torch.float32)

    def log_prob(self, z: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:  # noqa: ARG002
        """Not known.

        Raises:
            InputError: always.
        """
        raise InputError("the density 'pattern' has no log-density: codes come out of a network that has no inverse")


DENSITIES: dict[str, Callable[[int], LatentDensity]] = {"pattern": Pattern}
