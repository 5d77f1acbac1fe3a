r"""Distances between values: summed over dimensions, averaged over the batch.

.. math:: L_{REC} = \|x - y\|_2^2
"""

from __future__ import annotations

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

from noiseless.objectives.reconstruction.term import Reconstruction

__all__ = ["RECONSTRUCTIONS", "squared_error"]


def squared_error(y: Float[Tensor, "b ..."], x: Float[Tensor, "b ..."]) -> Float[Tensor, ""]:
    r"""The mean over the batch of :math:`\|x - y\|_2^2`.

    The authors of RAE average over pixels instead: their weights are N times ours
    (:mod:`noiseless.objectives.penalties.norm`).
    """
    return (y - x).square().sum() / len(x)


def _squared_error() -> Reconstruction:
    """Squared error, summed over dimensions; the papers' weights refer to it."""
    return squared_error


RECONSTRUCTIONS: dict[str, Callable[..., Reconstruction]] = {"squared-error": _squared_error}
