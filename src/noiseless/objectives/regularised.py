r"""An autoencoder's reconstruction with weighted penalties, minimised in one phase.

.. math:: L = L_{REC}(y, x) + \sum_k w_k L_k(x, q, z, y)

is the objective of every method that only adds terms to an autoencoder's loss.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor, nn

from noiseless.autoencoder import Autoencoder
from noiseless.errors import InputError
from noiseless.objectives.objective import Objective, Phase
from noiseless.objectives.reconstruction.term import Reconstruction
from noiseless.values import Batch, Trace

__all__ = ["Penalty", "Regularised", "Term", "reconstruct"]

Penalty = Callable[[Trace, Autoencoder], Tensor]


@dataclass(frozen=True)
class Term:
    """A penalty with its weight.

    Arguments:
        weight: its factor in the loss, 0 or more.
        penalty: maps trace and autoencoder to a scalar.
        every: apply it only in every ``every``-th step, with a weight increased by the same factor, so that its mean
            over steps is unchanged.
        min_batch_size: the smallest batch for which it is defined.
    """

    weight: float
    penalty: Penalty
    every: int = 1
    min_batch_size: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.weight < math.inf:
            raise InputError(f"the weight of a penalty is {self.weight}, but must be a number of 0 or more")
        if self.every < 1:
            raise InputError(f"the interval of a penalty is {self.every} steps, but must be 1 or more")

    def due(self, step: int | None) -> bool:
        """Whether it applies in this step; always True outside training (None)."""
        return self.weight != 0 and (step is None or step % self.every == 0)

    def value(self, trace: Trace, autoencoder: Autoencoder) -> Tensor:
        """The weighted penalty."""
        lazily = self.every if trace.batch.step is not None else 1
        return self.weight * lazily * self.penalty(trace, autoencoder)


class Regularised(Objective):
    r"""An autoencoder's reconstruction with weighted penalties, minimised in one phase.

    .. math:: L = L_{REC}(y, x) + \sum_k w_k L_k

    Arguments:
        autoencoder: the autoencoder to train.
        reconstruction: maps the output (or its logits, if the decoder returns them) and the data to a scalar.
        terms: penalties by the names shown in logs; the logged values are weighted and sum to the loss;
            none by default.
        optimiser: builds the optimiser; by default Adam with the learning rate 1e-3.
    """

    def __init__(
        self,
        autoencoder: Autoencoder,
        reconstruction: Reconstruction,
        terms: Mapping[str, Term] = MappingProxyType({}),
        optimiser: Callable[[list[nn.Parameter]], torch.optim.Optimizer] = torch.optim.Adam,
    ) -> None:
        super().__init__()
        self.autoencoder, self.reconstruction = autoencoder, reconstruction
        self.terms, self.optimiser = dict(terms), optimiser
        self.min_batch_size = max((term.min_batch_size for term in terms.values()), default=1)

    def constants(self) -> dict[str, float]:
        """The learning rate, and the weights of the terms."""
        return super().constants() | {name: term.weight for name, term in self.terms.items()}

    def phases(self) -> list[Phase]:
        """One phase over all parameters."""
        return [Phase("autoencoder", list(self.autoencoder.parameters()), self.loss, self.optimiser)]

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """The reconstruction and every term that is due."""
        trace = self.autoencoder(batch)
        values = {"reconstruction": reconstruct(self.reconstruction, trace)}
        for name, term in self.terms.items():
            if term.due(batch.step):
                values[name] = term.value(trace, self.autoencoder)
        return values

    def validate(self, batch: Batch) -> dict[str, Tensor]:
        """The loss."""
        return self.loss(batch)

    def code(self, batch: Batch) -> Tensor:
        """The mean codes."""
        return self.autoencoder.encode(batch.x).mean


def reconstruct(reconstruction: Reconstruction, trace: Trace) -> Tensor:
    """The reconstruction term of a forward pass, computed from the logits if the decoder returns them."""
    return reconstruction(trace.y if trace.logits is None else trace.logits, trace.x)
