r"""Fresh patterns: the distribution of the codes :math:`e(p)` of random patterns p, sampled by the model itself.

A deciphering autoencoder (Maeda, 2023, https://arxiv.org/abs/2310.01712) needs no density fitted to its codes, because
its encoder maps new patterns to codes. Nothing is fitted here; the model's objective samples the codes, and
:meth:`Pattern.bind` connects the density to it when a run is opened.
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
    """Codes of fresh random patterns; for deciphering autoencoders only.

    Arguments:
        dim: the dimension :math:`d` of the codes.
        even: whether patterns are uniform, as in the paper's code, which samples small and large clusters about equally
            often; otherwise clusters are sampled by their share of the data. Running moments are those of uniform
            patterns.
    """

    def __init__(self, dim: int, even: bool = True) -> None:
        super().__init__(dim)
        self.even = even
        self._draw: Callable[[int, torch.Generator], Tensor] | None = None

    def bind(self, objective: Objective, model: str = "this one") -> Pattern:
        """Connects the density to the model whose patterns it samples.

        Arguments:
            objective: the model's objective.
            model: what error messages call the model.

        Raises:
            InputError: the model has no patterns.
        """
        if not objective.draws_codes:
            raise InputError(
                f"the density 'pattern' samples fresh patterns of a deciphering autoencoder, and {model} has none; use "
                f"another, such as gmm"
            )
        self._draw = objective.draw if self.even else partial(objective.draw, even=False)
        return self

    def fit(self, z: Float[Tensor, "n d"], generator: torch.Generator) -> Pattern:  # noqa: ARG002
        """Validates the codes and records their number; nothing is fitted."""
        self.n.fill_(len(checked(z, self.dim)))
        return self

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n d"]:
        """Codes of n fresh patterns.

        Raises:
            InputError: the density is not bound to a model yet.
        """
        if self._draw is None:
            raise InputError("the density 'pattern' belongs to a deciphering autoencoder; call bind(objective) first")
        return self._draw(n, generator).to(self.n.device, torch.float32)

    def log_prob(self, z: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:  # noqa: ARG002
        """Not defined.

        Raises:
            InputError: always.
        """
        raise InputError("the density 'pattern' has no log-density: its codes come from a network without an inverse")


DENSITIES: dict[str, Callable[[int], LatentDensity]] = {"pattern": Pattern}
