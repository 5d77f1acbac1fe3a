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
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from noiseless.autoencoder import Autoencoder
from noiseless.errors import InputError
from noiseless.objectives.reconstruction.perceptual import trained_on
from noiseless.objectives.reconstruction.term import Reconstruction
from noiseless.values import Batch

__all__ = ["Objective", "Phase", "TrainingInfo"]


@dataclass(frozen=True)
class Phase:
    """One update: a loss over some parameters.

    Arguments:
        name: what logs and errors call it.
        parameters: what it updates; nothing else receives gradients while it runs.
        loss: a batch to named terms, whose sum is minimised.
        optimiser: makes the optimiser of the parameters.
        repeats: how often it runs in a step, each time on a fresh batch.
        interval: it runs in every ``interval``-th step.
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


@dataclass(frozen=True)
class TrainingInfo:
    """What :meth:`Objective.setup` learns of the training to come.

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


class Objective(nn.Module, ABC):
    """An autoencoder with what trains it. (A density's objective may train something else, and then has none.)"""

    autoencoder: Autoencoder
    reconstruction: Reconstruction
    min_batch_size = 1
    """The fewest data in a batch that it can be computed for."""

    needs_index = False
    """Whether :attr:`noiseless.values.Batch.index` has to say which training data a batch holds."""

    draws_codes = False
    """Whether :meth:`draw` gives codes without a fitted density."""

    @property
    def distance(self) -> Reconstruction | None:
        """The reconstruction term, where there is one."""
        return vars(self).get("reconstruction")

    @property
    def trained_on(self) -> str | None:
        """The features that the reconstruction term is computed with, under which distances flatter the model."""
        return trained_on(self.distance)

    def set_total_steps(self, steps: int) -> None:
        """Called with the planned number of steps before training starts or resumes; updates dependent schedules.

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
            InputError: the objective has several phases, each with its own parameters; or it identifies training data
                by their index, and a tensor does not say which they are.
        """
        phases = self.phases()
        if self.needs_index and not isinstance(x, Batch):
            raise InputError(f"{type(self).__name__} identifies training data by their index: give Batch(x, index)")
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

    def check_count(self, count: int) -> None:
        """Refuses a number of training examples that the objective cannot take, before anything is written.

        Raises:
            InputError: says why.
        """

    def setup(self, info: TrainingInfo, rows: Callable[[], Tensor]) -> None:
        """Called once before training and once when it resumes; what a checkpoint restored is kept.

        Arguments:
            info: the training to come.
            rows: returns the training set as vectors, (count, N).
        """

    def restarts(self) -> frozenset[int]:
        """The steps before which the optimisers, the average of the weights and the best weights are reset."""
        return frozenset()

    def recalibrated(self) -> Objective:
        """The objective as it is validated, saved and used: itself, or a copy with other running moments."""
        return self

    def diagnostics(self, batch: Batch) -> Mapping[str, Tensor]:  # noqa: ARG002
        """Named numbers on validation data, in evaluation mode: logged beside the terms and part of no sum.

        A number that is not defined on a batch is left out there, by all processes alike.
        """
        return {}

    def weight_summary(self) -> Mapping[str, list[float]]:
        """Lists of numbers that describe the weights, by names without a slash: logged at every validation."""
        return {}

    def check(self) -> None:
        """Refuses a state from which training cannot recover; called whenever terms are read.

        Raises:
            RunError: says why.
        """

    def pruned_arguments(self, arguments: Mapping[str, Any], kept: int) -> tuple[dict[str, Any], list[str]]:  # noqa: ARG002
        """Arguments of the recipe that keep the schedule when only ``kept`` latent dimensions are left, and notes."""
        return {}, []

    def draw(self, n: int, generator: torch.Generator, even: bool = True) -> Float[Tensor, "n d"]:
        """New codes, where :attr:`draws_codes`.

        Arguments:
            n: how many.
            generator: of all draws.
            even: whether clusters of the training set are drawn equally often, rather than by their sizes.

        Raises:
            NotImplementedError: the objective draws no codes.
        """
        raise NotImplementedError(f"{type(self).__name__} draws no codes: fit a density to them")
