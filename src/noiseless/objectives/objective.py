r"""What is minimised, over which parameters, in which order.

An objective is a list of phases. A phase is one loss over one set of parameters with its own optimiser. Its repeats per
step and its interval in steps describe any alternating scheme, and the training loop knows nothing else about a method.

.. math:: L = L_{REC}(y, x) + \sum_k w_k L_k(x, q, z, y)

is the objective of every method that only adds terms to an autoencoder's loss; it has a single phase.
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
        name: what logs and error messages call it.
        parameters: the parameters to update; no others receive gradients in this phase.
        loss: maps a batch to named terms, whose sum is minimised.
        optimiser: builds the optimiser of the parameters; by default Adam with the learning rate 1e-3.
        repeats: how often it runs per step, each time on a fresh batch.
        interval: it runs in every ``interval``-th step.
        shared: whether it uses the batch that all such phases of a step share, instead of a fresh one.
        no_lr_decay: exempt its learning rate from the schedule cooldown, because a critic has to keep up.
    """

    name: str
    parameters: list[nn.Parameter]
    loss: Callable[[Batch], Mapping[str, Tensor]]
    optimiser: Callable[[list[nn.Parameter]], torch.optim.Optimizer] = torch.optim.Adam
    repeats: int = 1
    interval: int = 1
    shared: bool = False
    no_lr_decay: bool = False


@dataclass(frozen=True)
class TrainingInfo:
    """What :meth:`Objective.setup` receives about the planned training.

    Arguments:
        count: number of training examples.
        batch: size of the global batch.
        seed: the seed of the run.
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
    """An autoencoder with its losses. (The objective of a density may train something else and has no autoencoder.)"""

    autoencoder: Autoencoder
    reconstruction: Reconstruction
    min_batch_size = 1
    """The smallest batch for which it is defined."""

    needs_index = False
    """Whether :attr:`noiseless.values.Batch.index` has to say which training data a batch holds."""

    weights_hash = ""
    """A hash of the weights with which a run was opened; empty while it is trained."""

    draws_codes = False
    """Whether :meth:`draw` samples codes without a fitted density."""

    @property
    def distance(self) -> Reconstruction | None:
        """The reconstruction term, if there is one."""
        return vars(self).get("reconstruction")

    @property
    def trained_on(self) -> str | None:
        """The features that the reconstruction term uses; distances under these features favour the model."""
        return trained_on(self.distance)

    def set_total_steps(self, steps: int) -> None:
        """Called with the planned number of steps before training starts or resumes; updates dependent schedules.

        Raises:
            InputError: the schedule does not fit into this number of steps.
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
        """The constants resolved by the recipe, recorded with a run; by default the learning rate of every phase."""
        optimisers = {phase.name: phase.optimiser(phase.parameters) for phase in self.phases()}
        return {f"rate of {name}": float(made.param_groups[0]["lr"]) for name, made in optimisers.items()}

    @abstractmethod
    def validate(self, batch: Batch) -> Mapping[str, Tensor]:
        """Named terms on validation data, in evaluation mode; schedules and the best weights follow their sum."""

    @abstractmethod
    def code(self, batch: Batch) -> Tensor:
        """The codes, shape (B, d), to which densities are fitted."""

    def check_count(self, count: int) -> None:
        """Refuses an unsuitable number of training examples before anything is written.

        Raises:
            InputError: the number is unsuitable; the message gives the reason.
        """

    def setup(self, info: TrainingInfo, rows: Callable[[], Tensor]) -> None:
        """Called once before training starts or resumes; state restored from a checkpoint is kept.

        Arguments:
            info: describes the planned training.
            rows: returns the training set as vectors, (count, N).
        """

    def restarts(self) -> frozenset[int]:
        """The steps before which the optimisers, the average of the weights and the best weights are reset."""
        return frozenset()

    def recalibrated(self) -> Objective:
        """The objective as it is validated, saved and used: itself, or a copy with other running moments."""
        return self

    def diagnostics(self, batch: Batch) -> Mapping[str, Tensor]:  # noqa: ARG002
        """Named numbers on validation data, in evaluation mode, which are logged but not part of the validation loss.

        A number that is undefined for a batch is left out, on all processes alike.
        """
        return {}

    def weight_summary(self) -> Mapping[str, list[float]]:
        """Lists of numbers that describe the weights, logged at every validation; names must not contain a slash."""
        return {}

    def check(self) -> None:
        """Raises an error in a state from which training cannot recover; called whenever terms are read.

        Raises:
            RunError: training cannot recover; the message gives the reason.
        """

    def pruned_arguments(self, arguments: Mapping[str, Any], kept: int) -> tuple[dict[str, Any], list[str]]:  # noqa: ARG002
        """Arguments of the recipe that preserve the schedule after pruning to ``kept`` latent dimensions, and notes."""
        return {}, []

    def draw(self, n: int, generator: torch.Generator, even: bool = True) -> Float[Tensor, "n d"]:
        """New codes, if :attr:`draws_codes`.

        Arguments:
            n: number of codes.
            generator: the source of randomness.
            even: whether clusters of the training set are sampled equally often, rather than by their sizes.

        Raises:
            NotImplementedError: the objective does not sample codes.
        """
        raise NotImplementedError(f"{type(self).__name__} does not sample codes: fit a density to them")
