r"""What is minimised, over which parameters, in which order.

An objective is a list of phases. A phase is one loss over one set of parameters with its own optimiser; how often it is
repeated in a step and every how many steps it runs says all that alternation needs. The training loop knows nothing
else about a method.

.. math:: L = L_{REC}(y, x) + \sum_k w_k L_k(x, q, z, y)

is the objective of every method that adds nothing but terms to an autoencoder's loss: one phase.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from noiseless.autoencoder import Autoencoder
from noiseless.errors import InputError
from noiseless.objectives.reconstruction.term import Reconstruction
from noiseless.values import Batch

__all__ = ["Objective", "PerExampleObjective", "Phase", "TrainingInfo", "Watched"]


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
        no_lr_decay: its rate stays where the schedule cooldown lets the others fall: a critic has to keep up.
    """

    name: str
    parameters: list[nn.Parameter]
    loss: Callable[[Batch], Mapping[str, Tensor]]
    optimiser: Callable[[list[nn.Parameter]], torch.optim.Optimizer]
    repeats: int = 1
    interval: int = 1
    shared: bool = False
    no_lr_decay: bool = False


class Objective(nn.Module, ABC):
    """An autoencoder with what trains it. (A density's objective may train something else, and then has none.)"""

    autoencoder: Autoencoder
    reconstruction: Reconstruction
    min_batch_size = 1
    """The fewest data in a batch that it can be computed for."""

    @property
    def distance(self) -> Reconstruction | None:
        """The reconstruction term, where there is one."""
        return vars(self).get("reconstruction")

    def set_total_steps(self, steps: int) -> None:
        """Told how many updates are planned in all, before training begins or goes on: what depends on it follows.

        Raises:
            InputError: so few make no sense.
        """

    @abstractmethod
    def phases(self) -> list[Phase]:
        """The updates of one step, in order."""

    def forward(self, x: Tensor | Batch) -> Mapping[str, Tensor]:
        """The named terms of one update of a method of one phase, whose sum is to be minimised in a loop of your own.

        Arguments:
            x: network inputs (B, ...), which get fresh noise (see :class:`~noiseless.values.Batch`), or a batch.

        Raises:
            InputError: the objective has several phases, each with its own parameters.
        """
        phases = self.phases()
        if len(phases) > 1:
            raise InputError(
                f"{type(self).__name__} has the phases {', '.join(phase.name for phase in phases)}, and no single "
                "loss; update each: for phase in objective.phases(): sum(phase.loss(Batch(x)).values()).backward()"
            )
        return phases[0].loss(x if isinstance(x, Batch) else Batch(x))

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
    def diagnostics(self, batch: Batch) -> Mapping[str, Tensor]:
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
class TrainingInfo:
    """What an :class:`PerExampleObjective` objective is told of the training to come.

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


class PerExampleObjective(Objective):
    """An objective that knows its training data by their number: their codes come from it, not from the data.

    It looks at the data once, before it is trained; its training may have parts, each with optimisers and an average of
    its own; and it draws codes itself, without a fitted density.
    """

    def check_count(self, count: int) -> None:
        """Refuses so many training data, before anything is written."""

    def forward(self, x: Tensor | Batch) -> Mapping[str, Tensor]:
        """As for every objective, for a batch alone: a tensor does not say which training data it holds.

        Raises:
            InputError: a tensor, or several phases.
        """
        if not isinstance(x, Batch):
            raise InputError(
                f"{type(self).__name__} knows its training data by their index: give Batch(x, index), not a tensor"
            )
        return super().forward(x)

    @abstractmethod
    def setup(self, course: TrainingInfo, rows: Callable[[], Tensor]) -> None:
        """Called once before training, and when it goes on; what is known from a checkpoint is kept.

        Arguments:
            course: of the training.
            rows: gives the training data as vectors, (count, N).
        """

    @abstractmethod
    def restarts(self) -> frozenset[int]:
        """The steps before which optimisers, the average of weights and the best ones begin anew."""

    @abstractmethod
    def recalibrated(self) -> PerExampleObjective:
        """A copy in evaluation mode whose running moments are those of data that it draws."""

    @abstractmethod
    def draw(self, n: int, generator: torch.Generator, even: bool = True) -> Float[Tensor, "n d"]:
        """Codes that no datum has.

        Arguments:
            n: how many.
            generator: of all draws.
            even: whether clusters of the training data are left out of account; else each has its share of the data.
        """
