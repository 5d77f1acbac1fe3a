r"""What densities that are networks share: standardised codes, and training by the loop that trains everything.

.. math:: \tilde z_j = \frac{z_j - \bar z_j}{s_j}, \qquad \log p(z) = \log \tilde p(\tilde z) - \sum_j \log s_j

Networks are trained, and evaluated, in float32; the standardisation is in float64. A dimension that never moves is
drawn as the constant that it is, and the distribution then has no density with respect to Lebesgue measure.

A tenth of the codes, one at the least, is held out: the rate is halved whenever the loss on them has not improved for
three validations, training ends after twelve such, and the weights with the lowest are kept. A density is fitted by one
process, also where several have trained the codes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from noiseless.data import Data, Split
from noiseless.densities.normal import draw_seed
from noiseless.errors import InputError, RunError
from noiseless.nn.distributed import single_process
from noiseless.objectives.objective import Objective
from noiseless.training import Stopped, Training, fit
from noiseless.values import Spec

__all__ = ["CHUNK", "Length", "Standardised", "at_least", "seeded", "train"]

CHUNK = 4096
"""Rows that pass through a network at a time, to bound its memory."""


class Standardised(nn.Module):
    r"""The affine map to codes of mean 0 and variance 1 in every dimension.

    Arguments:
        dim: the dimension :math:`d` of the codes.

    Attributes:
        mean: :math:`\bar z`, shape (d,).
        scale: :math:`s`, the standard deviations, shape (d,); 0 for a dimension that never moves.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim, dtype=torch.float64))
        self.register_buffer("scale", torch.ones(dim, dtype=torch.float64))

    def fit(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        """Takes the moments of ``z``, and gives it standardised."""
        moves = z.amax(dim=0) > z.amin(dim=0)  # a constant's computed deviation may be a rounding error instead of 0
        self.mean.copy_(z.mean(dim=0))
        self.scale.copy_(torch.where(moves, z.std(dim=0), 0))
        return self(z)

    def forward(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        """Standardised codes in float64; 0 in a dimension that never moves."""
        return (z.to(self.mean) - self.mean) / torch.where(self.moves, self.scale, torch.inf)

    def inverse(self, u: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        """Codes of standardised ones, float64."""
        return self.mean + self.scale * u.to(self.mean)

    def log_slope(self) -> Float[Tensor, ""]:
        r"""What :meth:`forward` adds to a log-density: :math:`-\sum_j \log s_j`.

        Raises:
            InputError: a dimension never moves, so that there is no density.
        """
        if self.note():
            raise InputError(f"there is no log-density: {self.note()}")
        return -self.scale.log().sum()

    @property
    def moves(self) -> Tensor:
        """Which dimensions are not constant, shape (d,)."""
        return self.scale > 0

    def note(self) -> str:
        """What a user should hear of dimensions that never move."""
        still = int((~self.moves).sum())
        return f"{still} of {len(self.scale)} dimensions of the codes never move, nor do they in draws" if still else ""


@dataclass(frozen=True)
class Length:
    """How long a density is trained at the most.

    Arguments:
        steps, epochs: updates, and passes over the codes; training ends with the first of them.
        batch: codes in a batch, or all where they are fewer.
    """

    steps: int
    epochs: int
    batch: int

    def over(self, count: int) -> Training:
        """The steps, and the batch, for so many codes."""
        batch = min(self.batch, count)
        return Training(steps=min(self.steps, self.epochs * (count // batch)), batch=batch)


def train(
    objective: Objective, u: Float[Tensor, "n d"], generator: torch.Generator, length: Length, device: str
) -> None:
    """Trains ``objective`` on codes, by one process alone, and leaves it with the best weights, on the CPU.

    Arguments:
        objective: what is trained, in place.
        u: the codes, standardised.
        generator: what the held-out codes and the seed of the training are drawn from.
        length: how long.
        device: where, as :class:`~noiseless.training.Training` has it.

    Raises:
        RunError: the loss became infinite or NaN, or a signal stopped the training.
    """
    data, best = _parted(u, generator), _Best()
    seed = draw_seed(generator)
    chosen = Training(schedule="plateau", lr_patience=3, patience=12, device=device, precision="float32", seed=seed)
    training = chosen.with_defaults(length.over(len(data.train)))
    try:
        with single_process():
            fit(objective, data, training, best, show=sys.stderr.isatty())
    except Stopped as stopped:
        stopped.args = ("the fit of the density was stopped, and nothing of it is kept",)
        raise
    except RunError as error:
        problem = str(error).partition(";")[0]
        raise RunError(f"this density cannot be trained on the codes: {problem}; take another, such as gmm") from error
    objective.load_state_dict(best.tensors)
    objective.cpu().eval()


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Weights that are made in the block follow from ``seed``, and torch's own generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def at_least(least: int, kind: str, options: Mapping[str, int]) -> None:
    """Refuses options of the density ``kind`` below ``least``."""
    for name, value in options.items():
        if value < least:
            raise InputError(f"the option {name!r} of density {kind!r} is {value}, and must be {least} or more")


@dataclass
class _Best:
    """Keeps the weights that validated best, in memory."""

    tensors: dict[str, Tensor] = field(default_factory=dict)

    def log(self, row: dict[str, Any]) -> None:
        """Nothing."""

    def checkpoint(self, tensors: dict[str, Tensor], scalars: dict[str, Any]) -> None:
        """Nothing."""

    def best(self, tensors: dict[str, Tensor]) -> None:
        """Copies the weights."""
        self.tensors = {name: value.clone() for name, value in tensors.items()}

    def picture(self, objective: Objective, step: int) -> None:
        """Nothing."""


def _parted(u: Float[Tensor, "n d"], generator: torch.Generator) -> Data:
    raw = u.float().cpu().numpy()
    order = torch.randperm(len(raw), generator=generator, device=generator.device).cpu().numpy()
    held = max(1, len(raw) // 10)
    validation, train, test = Split(raw, order[:held]), Split(raw, order[held:]), Split(raw, order[:0])
    return Data(Spec("codes", raw.shape[1:]), train, validation, test, fingerprint="", source="codes")
