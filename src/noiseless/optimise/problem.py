r"""What is optimised, and what a search is.

A decoder turns a code :math:`z` into a string, a score turns the string into a number, and a search looks for codes of
low cost (:mod:`noiseless.optimise.scores`) knowing the codes and costs of the training objects, within their box

.. math:: \{z : \min_i z_{ij} \le z_j \le \max_i z_{ij}\}.

In every round it proposes a batch of codes; they are decoded and scored, and join what is known.

A new search is one file in this folder that names what it offers in

    ``SEARCHES: dict[str, Callable[[Round], Proposal]]``

whose values are called once a round; further parameters need defaults, and become options in the name
(``paper:epochs=5``). The first line of a value's docstring is what ``noiseless list searches`` shows. Heavy imports
belong inside the functions. A search keeps nothing from one round to the next: what it needs of earlier ones it finds
in the round, so that a search which was killed goes on as if it never was.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from noiseless.densities import LatentDensity
from noiseless.errors import InputError, unknown
from noiseless.optimise.scores import Score
from noiseless.registry import offered, options

__all__ = ["Decode", "Problem", "Proposal", "Round", "Search", "Tell", "build", "names"]

Decode = Callable[[Tensor, torch.Generator], list[str | None]]
"""Codes (n, d) to n strings, None where nothing comes out; what it draws, it draws from the generator."""
Tell = Callable[[str, int, int], None]
"""Says what is being done, how much of it is done, and how much there is."""


def _silent(_: str, __: int, ___: int) -> None:
    pass


@dataclass(frozen=True)
class Problem:
    """What is optimised.

    Arguments:
        codes: of the training objects.
        scores: of the training objects, in the score's units; NaN where there is none.
        identities: a number for each training object, equal for equal objects (:func:`noiseless.optimise.objects.key`).
        decode: what codes stand for.
        score: what is optimised.
        density: gives a density fitted to the training codes by its name, for the search that samples.
        fingerprint: of model and data; a trial is continued on the same problem only.

    Raises:
        InputError: fewer than 10 training objects, numbers of them that differ, codes that are not finite, or no score.
    """

    codes: Float[Tensor, "n d"]
    scores: Float64[Tensor, " n"]
    identities: Int64[Tensor, " n"]
    decode: Decode
    score: Score
    density: Callable[[str], LatentDensity]
    fingerprint: str

    def __post_init__(self) -> None:
        n = len(self.codes)
        if n < 10 or not n == len(self.scores) == len(self.identities):
            raise InputError(
                f"a search needs at least 10 training objects to learn from, not {n} codes, {len(self.scores)} scores "
                f"and {len(self.identities)} identities"
            )
        broken = int((~self.codes.isfinite()).any(dim=1).sum())
        if broken:
            raise InputError(f"{broken} of {n} codes are not finite; check the model")
        if not self.scores.isfinite().any():
            raise InputError(f"none of the {n} training objects has a score; is it the score for these data?")

    @property
    def costs(self) -> Float64[Tensor, " n"]:
        """What is to be minimised, with failures in the place of missing scores."""
        return self.cost(self.scores)

    def cost(self, scores: Float64[Tensor, " m"]) -> Float64[Tensor, " m"]:
        """Scores to costs; NaN becomes the cost of a failure."""
        return (self.score.sign * scores).nan_to_num(nan=self.failure)

    @property
    def failure(self) -> float:
        """The cost of a code that decodes to nothing."""
        if self.score.failure is not None:
            return self.score.sign * self.score.failure
        return float((self.score.sign * self.scores[self.scores.isfinite()]).max())


@dataclass(frozen=True)
class Round:
    r"""All that a search is given for one batch.

    Arguments:
        z: codes of the training objects, :math:`(n, d)`.
        y: their costs, to be minimised.
        batches: codes and costs of the rounds before, in order.
        held_z, held_y: a tenth of the training objects, kept back to judge predictions by.
        size: how many codes to propose.
        density: as of :class:`Problem`.
        generator: what is drawn is drawn from it.
        tell: progress.
    """

    z: Float64[Tensor, "n d"]
    y: Float64[Tensor, " n"]
    batches: Sequence[tuple[Tensor, Tensor]]
    held_z: Float64[Tensor, "k d"]
    held_y: Float64[Tensor, " k"]
    size: int
    density: Callable[[str], LatentDensity]
    generator: torch.Generator
    tell: Tell = _silent

    @property
    def known(self) -> tuple[Float64[Tensor, "m d"], Float64[Tensor, " m"]]:
        """Codes and costs of training objects and of all rounds before."""
        codes = torch.cat([self.z, *(codes for codes, _ in self.batches)])
        return codes, torch.cat([self.y, *(costs for _, costs in self.batches)])

    @property
    def box(self) -> tuple[Float64[Tensor, " d"], Float64[Tensor, " d"]]:
        """The lowest and the highest of every dimension, of all known codes."""
        codes = self.known[0]
        return codes.amin(dim=0), codes.amax(dim=0)

    def uniform(self, count: int) -> Float64[Tensor, "m d"]:
        """Uniform draws from the box."""
        low, high = self.box
        return low + (high - low) * torch.rand(count, len(low), generator=self.generator, dtype=torch.float64)


@dataclass(frozen=True)
class Proposal:
    """A batch of codes, and numbers that say how it came about, which are kept with the trial."""

    codes: Float64[Tensor, "q d"]
    notes: Mapping[str, float] = field(default_factory=dict)


Search = Callable[[Round], Proposal]


def names() -> dict[str, str]:
    """Every search by the name that the command line takes, with a line on each.

    >>> sorted(names())
    ['density', 'paper', 'random', 'turbo']
    """
    return {name: (inspect.getdoc(make) or name).splitlines()[0] for name, make in sorted(_catalogue().items())}


def build(name: str) -> Search:
    """The search of this name, with options after a colon.

    Raises:
        InputError: a name, an option or a value that does not exist, with the nearest that does.
    """
    kind = name.partition(":")[0]
    if kind not in _catalogue():
        raise unknown("search", kind, _catalogue())
    search: Callable[..., Proposal] = _catalogue()[kind]
    return partial(search, **options("search", name, search))


@cache
def _catalogue() -> dict[str, Any]:
    return offered("noiseless.optimise", "SEARCHES")
