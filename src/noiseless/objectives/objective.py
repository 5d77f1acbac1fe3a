r"""What is minimised, over which parameters, in which order.

An objective is a list of phases. A phase is one loss over one set of parameters with its own optimiser; how often it is
repeated in a step and every how many steps it runs says all that alternation needs. The training loop knows nothing
else about a method.

.. math:: L = L_{REC}(y, x) + \sum_k w_k L_k(x, q, z, y)

is the objective of every method that adds nothing but terms to an autoencoder's loss: one phase.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from noiseless.autoencoder import Autoencoder
from noiseless.errors import InputError
from noiseless.objectives.reconstruction.term import Reconstruction
from noiseless.values import Batch, Trace

__all__ = [
    "Course",
    "Indexed",
    "Objective",
    "Optimiser",
    "Penalty",
    "Phase",
    "Regularised",
    "Term",
    "Watched",
    "reconstruct",
]

Penalty = Callable[[Trace, Autoencoder], Tensor]


@dataclass(frozen=True)
class Optimiser:
    """How parameters follow their gradients.

    Arguments:
        optimiser: adam (Kingma and Ba, 2015), adamw (Loshchilov and Hutter, 2019) or rmsprop (Hinton, 2012). Default:
            adam, or the paper's.
        lr: Learning rate. Default: the paper's for the data set.
        weight_decay: Weight decay (coupled for adam and rmsprop, decoupled for adamw). Default: 0, or the paper's.
    """

    optimiser: Literal["adam", "adamw", "rmsprop"] | None = None
    lr: float | None = None
    weight_decay: float | None = None

    def __post_init__(self) -> None:
        if self.lr is not None and not 0 < self.lr < math.inf:
            raise InputError(f"the learning rate is {self.lr}, and must be above 0 and finite")
        if self.weight_decay is not None and not 0 <= self.weight_decay < math.inf:
            raise InputError(f"the weight decay is {self.weight_decay}, and must be 0 or more and finite")

    def build(self, parameters: list[nn.Parameter], lr: float) -> torch.optim.Optimizer:
        """torch's optimiser over `parameters`, at `lr` unless another rate was asked for; fused where torch can."""
        rate, decay = self.lr if self.lr is not None else lr, self.weight_decay or 0.0
        if self.optimiser == "rmsprop":
            return torch.optim.RMSprop(parameters, rate, alpha=0.9, weight_decay=decay)
        if self.optimiser == "adamw":
            return torch.optim.AdamW(parameters, rate, weight_decay=decay, fused=True)
        return torch.optim.Adam(parameters, rate, weight_decay=decay, fused=True)


@dataclass(frozen=True)
class Phase:
    """One update: a loss over some parameters.

    Arguments:
        name: what logs and errors call it.
        parameters: what it updates; nothing else receives gradients while it runs.
        loss: a batch to named terms, whose sum is minimised.
        optimiser: makes the optimiser of the parameters.
        repeats: how often it runs in a step, each time on a fresh batch.
        interval: it runs in every `interval`-th step.
        shared: it runs on the one batch that all such phases of a step share, and not on a fresh one.
        steady: its rate stays where the schedule cooldown lets the others fall: a critic has to keep up.
    """

    name: str
    parameters: list[nn.Parameter]
    loss: Callable[[Batch], Mapping[str, Tensor]]
    optimiser: Callable[[list[nn.Parameter]], torch.optim.Optimizer]
    repeats: int = 1
    interval: int = 1
    shared: bool = False
    steady: bool = False


class Objective(nn.Module, ABC):
    """An autoencoder with what trains it. (A density's objective may train something else, and then has none.)"""

    autoencoder: Autoencoder
    reconstruction: Reconstruction
    least = 1
    """The fewest data in a batch that it can be computed for."""

    @property
    def distance(self) -> Reconstruction | None:
        """The reconstruction term, where there is one."""
        return vars(self).get("reconstruction")

    def plan_for(self, steps: int) -> None:
        """Told how many updates are planned in all, before training begins or goes on: what depends on it follows.

        Raises:
            InputError: so few make no sense.
        """

    @abstractmethod
    def phases(self) -> list[Phase]:
        """The updates of one step, in order."""

    def constants(self) -> dict[str, float]:
        """The numbers that the recipe settled on, by which runs are told apart: here the rate of every phase."""
        optimisers = {phase.name: phase.optimiser(phase.parameters) for phase in self.phases()}
        return {f"rate of {name}": float(made.param_groups[0]["lr"]) for name, made in optimisers.items()}

    @abstractmethod
    def validate(self, batch: Batch) -> Mapping[str, Tensor]:
        """Named terms on validation data, in evaluation mode; schedules and the best weights follow their sum."""

    @abstractmethod
    def code(self, batch: Batch) -> Tensor:
        """The codes, shape (B, d), to which densities are fitted."""


class Watched(Objective):
    """An objective whose training is watched by more than its terms."""

    @abstractmethod
    def monitor(self, batch: Batch) -> Mapping[str, Tensor]:
        """Named numbers on validation data, in evaluation mode: logged beside the terms, and part of no sum.

        One that is not defined on a batch is left out there, by all processes alike.
        """

    @abstractmethod
    def portrait(self) -> Mapping[str, list[float]]:
        """Lists of numbers of the weights themselves, by names without a slash: logged at validations."""

    @abstractmethod
    def check(self) -> None:
        """Refuses a state from which to go on would be pointless; called whenever terms are read.

        Raises:
            RunError: says why.
        """


@dataclass(frozen=True)
class Course:
    """What an :class:`Indexed` objective is told of the training to come.

    Arguments:
        count: how many training data there are.
        batch: how many of them a step takes, over all processes.
        seed: of the run.
    """

    count: int
    batch: int
    seed: int

    @property
    def per_epoch(self) -> int:
        """Steps in an epoch."""
        return max(1, self.count // self.batch)

    def epoch(self, step: int) -> int:
        """The epoch of a step, from 0."""
        return step // self.per_epoch


class Indexed(Objective):
    """An objective that knows its training data by their number: their codes come from it, not from the data.

    It looks at the data once, before it is trained; its training may have parts, each with optimisers and an average of
    its own; and it draws codes itself, without a fitted density.
    """

    def admit(self, count: int) -> None:
        """Refuses so many training data, before anything is written; what only the data can tell, :meth:`meet` does."""

    @abstractmethod
    def meet(self, course: Course, rows: Callable[[], Tensor]) -> None:
        """Called once before training, and when it goes on; what is known from a checkpoint is kept.

        Arguments:
            course: of the training.
            rows: gives the training data as vectors, (count, N).
        """

    @abstractmethod
    def restarts(self) -> frozenset[int]:
        """The steps before which optimisers, the average of weights and the best ones begin anew."""

    @abstractmethod
    def recalibrated(self) -> Indexed:
        """A copy in evaluation mode whose running moments are those of data that it draws."""

    @abstractmethod
    def draw(self, n: int, generator: torch.Generator, even: bool = True) -> Float[Tensor, "n d"]:
        """Codes that no datum has.

        Arguments:
            n: how many.
            generator: of all draws.
            even: whether clusters of the training data are left out of account; else each has its share of the data.
        """


@dataclass(frozen=True)
class Term:
    """A penalty with its weight.

    Arguments:
        weight: its factor in the loss, 0 or more.
        penalty: trace and autoencoder to a number.
        every: apply it in every so many steps only, that many times as strongly: its mean over steps is unchanged.
        least: the fewest data in a batch that it can be computed for.
    """

    weight: float
    penalty: Penalty
    every: int = 1
    least: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.weight < math.inf:
            raise InputError(f"the weight of a penalty is {self.weight}, and must be a number of 0 or more")
        if self.every < 1:
            raise InputError(f"a penalty applies in every {self.every} steps, and must in 1 or more")

    def due(self, step: int | None) -> bool:
        """Whether it applies in this step; outside training (None) it always does."""
        return self.weight != 0 and (step is None or step % self.every == 0)

    def value(self, trace: Trace, autoencoder: Autoencoder) -> Tensor:
        """The weighted penalty."""
        lazily = self.every if trace.batch.step is not None else 1
        return self.weight * lazily * self.penalty(trace, autoencoder)


class Regularised(Objective):
    r"""An autoencoder's reconstruction with weighted penalties, minimised in one phase.

    .. math:: L = L_{REC}(y, x) + \sum_k w_k L_k

    Arguments:
        autoencoder: what is trained, all of it.
        reconstruction: output (or its logits, where the decoder gives them) and data to a number.
        terms: penalties by the names that logs show; the logged values are weighted and sum to the loss.
        optimiser: makes the optimiser.
    """

    def __init__(
        self,
        autoencoder: Autoencoder,
        reconstruction: Reconstruction,
        terms: Mapping[str, Term],
        optimiser: Callable[[list[nn.Parameter]], torch.optim.Optimizer],
    ) -> None:
        super().__init__()
        self.autoencoder, self.reconstruction = autoencoder, reconstruction
        self.terms, self.optimiser = dict(terms), optimiser
        self.least = max((term.least for term in terms.values()), default=1)

    def constants(self) -> dict[str, float]:
        """The rate, and the weights of the terms."""
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
    """The reconstruction term of a pass: of the logits, where the decoder gives them."""
    return reconstruction(trace.y if trace.logits is None else trace.logits, trace.x)
