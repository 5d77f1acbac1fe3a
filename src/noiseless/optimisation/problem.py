r"""The optimisation problem, and the interface of searches.

A decoder maps a code :math:`z` to a string, a score maps the string to a number, and a search looks for codes of low
cost (:mod:`noiseless.optimisation.scores`), given the codes and costs of the training objects, within their bounding
box

.. math:: \{z : \min_i z_{ij} \le z_j \le \max_i z_{ij}\}.

In every round it proposes a batch of codes, which are decoded and scored, and added to the known ones.

A search is chosen by name, as an object, as ``MODULE:NAME`` or by an entry point in the group ``noiseless.searches``
(:mod:`noiseless.registry`). A module of this folder lists those that it provides in

    ``SEARCHES: dict[str, Callable[[Round], Proposal]]``

A search is called once per round. Further parameters need defaults and become options in the name (``paper:epochs=5``).
``noiseless list searches`` shows the first line of a value's docstring. Heavy imports belong inside the functions. A
search has no state: everything that it needs from earlier rounds is in the round, so that an interrupted search resumes
with identical results.
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
from noiseless.errors import InputError
from noiseless.optimisation.scores import Score
from noiseless.registry import Choice, Kind, offered, options

__all__ = ["SEARCH", "Decode", "Problem", "Proposal", "Round", "Search", "Tell", "build", "names"]

Decode = Callable[[Tensor, torch.Generator], list[str | None]]
"""Maps codes (n, d) to n strings, None where decoding fails; all randomness comes from the generator."""
Tell = Callable[[str, int, int], None]
"""Receives progress: the current task, how much of it is done, and the total."""


def _silent(_: str, __: int, ___: int) -> None:
    pass


@dataclass(frozen=True)
class Problem:
    """An optimisation problem.

    Arguments:
        codes: codes of the training objects.
        scores: scores of the training objects, in the score's units; NaN where undefined.
        identities: a number for each training object, equal for equal objects
            (:func:`noiseless.optimisation.objects.key`).
        decode: maps codes to strings.
        score: the score to optimise.
        density: returns a density fitted to the training codes, given its name; for the search that samples.
        fingerprint: identifies model and data; a trial can only be resumed on the same problem.

    Raises:
        InputError: there are fewer than 10 training objects, the numbers of codes, scores and identities differ, codes
            are not finite, or no object has a score.
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
            raise InputError(f"none of the {n} training objects has a score; check that the score suits these data")

    @property
    def costs(self) -> Float64[Tensor, " n"]:
        """The costs to minimise; missing scores are replaced by the cost of a failure."""
        return self.cost(self.scores)

    def cost(self, scores: Float64[Tensor, " m"]) -> Float64[Tensor, " m"]:
        """Converts scores to costs; NaN becomes the cost of a failure."""
        return (self.score.sign * scores).nan_to_num(nan=self.failure)

    @property
    def failure(self) -> float:
        """The cost of a code that cannot be decoded."""
        if self.score.failure is not None:
            return self.score.sign * self.score.failure
        return float((self.score.sign * self.scores[self.scores.isfinite()]).max())


@dataclass(frozen=True)
class Round:
    r"""The input of a search for one batch.

    Arguments:
        z: codes of the training objects, :math:`(n, d)`.
        y: their costs, to be minimised.
        batches: codes and costs of the previous rounds, in order.
        held_z, held_y: codes and costs of a held-out tenth of the training objects, to evaluate predictions.
        size: number of codes to propose.
        density: as in :class:`Problem`.
        generator: the source of all randomness.
        tell: receives the progress.
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
        """Codes and costs of training objects and of all previous rounds."""
        codes = torch.cat([self.z, *(codes for codes, _ in self.batches)])
        return codes, torch.cat([self.y, *(costs for _, costs in self.batches)])

    @property
    def box(self) -> tuple[Float64[Tensor, " d"], Float64[Tensor, " d"]]:
        """Lower and upper bounds of all known codes in every dimension."""
        codes = self.known[0]
        return codes.amin(dim=0), codes.amax(dim=0)

    def uniform(self, count: int) -> Float64[Tensor, "m d"]:
        """Uniform samples from the box."""
        low, high = self.box
        return low + (high - low) * torch.rand(count, len(low), generator=self.generator, dtype=torch.float64)


@dataclass(frozen=True)
class Proposal:
    """A batch of codes, and diagnostic numbers that are stored with the trial."""

    codes: Float64[Tensor, "q d"]
    notes: Mapping[str, float] = field(default_factory=dict)


Search = Callable[[Round], Proposal]


def names() -> dict[str, str]:
    """The searches by the names that the command line accepts, with a one-line description of each.

    >>> sorted(names())
    ['density', 'paper', 'random', 'turbo']
    """
    return {name: (inspect.getdoc(make) or name).splitlines()[0] for name, make in sorted(_catalogue().items())}


def build(chosen: Choice) -> Search:
    """The chosen search, with the options in its name.

    Raises:
        InputError: the name, an option or a value is unknown; the message suggests the nearest one.
    """
    part = SEARCH.find(chosen)
    if not callable(part.value):
        raise InputError(f"the search {part.name} is a {type(part.value).__name__}; expected a function of a Round")
    return partial(part.value, **options("search", part.name, part.value, stem=part.stem))


@cache
def _catalogue() -> dict[str, Any]:
    return offered("noiseless.optimisation", "SEARCHES")


SEARCH = Kind("search", "noiseless.searches", lambda: _catalogue())
"""How searches are found."""
