r"""What densities that are networks share: standardised codes, and training with the library's training loop.

.. math:: \tilde z_j = \frac{z_j - \bar z_j}{s_j}, \qquad \log p(z) = \log \tilde p(\tilde z) - \sum_j \log s_j

Networks are trained and evaluated in float32; the standardisation is computed in float64. A constant dimension stays
constant in samples, and the distribution then has no density with respect to Lebesgue measure.

A tenth of the codes, at least one, is held out. The learning rate is halved whenever the held-out loss has not improved
for three validations, training stops after twelve validations without improvement, and the weights with the lowest
held-out loss are kept. A density is fitted by a single process, even if several trained the autoencoder.
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
"""Rows per forward pass, to bound the memory of a network."""


class Standardised(nn.Module):
    r"""The affine map to codes of mean 0 and variance 1 in every dimension.

    Arguments:
        dim: the dimension :math:`d` of the codes.

    Attributes:
        mean: :math:`\bar z`, shape (d,).
        scale: :math:`s`, the standard deviations, shape (d,); 0 for a constant dimension.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim, dtype=torch.float64))
        self.register_buffer("scale", torch.ones(dim, dtype=torch.float64))

    def fit(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        """Estimates the moments of ``z`` and returns ``z`` standardised."""
        moves = z.amax(dim=0) > z.amin(dim=0)  # the computed deviation of a constant may not be exactly 0
        self.mean.copy_(z.mean(dim=0))
        self.scale.copy_(torch.where(moves, z.std(dim=0), 0))
        return self(z)

    def forward(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        """Standardised codes in float64; 0 in a constant dimension."""
        return (z.to(self.mean) - self.mean) / torch.where(self.moves, self.scale, torch.inf)

    def inverse(self, u: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        """Maps standardised codes back to codes, in float64."""
        return self.mean + self.scale * u.to(self.mean)

    def log_slope(self) -> Float[Tensor, ""]:
        r"""The contribution of :meth:`forward` to a log-density, :math:`-\sum_j \log s_j`.

        Raises:
            InputError: a dimension is constant, so that there is no density.
        """
        if self.note():
            raise InputError(f"there is no log-density: {self.note()}")
        return -self.scale.log().sum()

    @property
    def moves(self) -> Tensor:
        """Which dimensions are not constant, shape (d,)."""
        return self.scale > 0

    def note(self) -> str:
        """A remark for the user on constant dimensions; empty if there are none."""
        still = int((~self.moves).sum())
        return f"{still} of {len(self.scale)} dimensions of the codes are constant, also in samples" if still else ""


@dataclass(frozen=True)
class Length:
    """The maximal length of a density's training.

    Arguments:
        steps, epochs: maximal numbers of steps and of passes over the codes; training ends when either is reached.
        batch: batch size; all codes if there are fewer.
    """

    steps: int
    epochs: int
    batch: int

    def over(self, count: int) -> Training:
        """The number of steps and the batch size for ``count`` codes."""
        batch = min(self.batch, count)
        return Training(steps=min(self.steps, self.epochs * (count // batch)), batch=batch)


def train(
    objective: Objective, u: Float[Tensor, "n d"], generator: torch.Generator, length: Length, device: str
) -> None:
    """Trains ``objective`` on codes in a single process, and leaves it with the best weights on the CPU.

    Arguments:
        objective: the objective, trained in place.
        u: the standardised codes.
        generator: determines the held-out codes and the seed of the training.
        length: how long to train.
        device: where to train, as in :class:`~noiseless.training.Training`.

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
        stopped.args = ("the fit of the density was stopped and discarded",)
        raise
    except RunError as error:
        problem = str(error).partition(";")[0]
        raise RunError(f"this density cannot be trained on the codes: {problem}; use another, such as gmm") from error
    objective.load_state_dict(best.tensors)
    objective.cpu().eval()


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Weights initialised within this block depend on ``seed`` only; torch's global generator is restored."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def at_least(least: int, kind: str, options: Mapping[str, int]) -> None:
    """Refuses options of the density ``kind`` that are below ``least``."""
    for name, value in options.items():
        if value < least:
            raise InputError(f"the option {name!r} of density {kind!r} is {value}, but must be {least} or more")


@dataclass
class _Best:
    """Keeps the weights with the lowest validation loss in memory."""

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
