r"""What a score is, and how one is named and built.

A score is a function of a string. It says which way is better (its goal), because published ones go both ways: the
error of an expression is to be minimised, a molecule's logP to be maximised. Whoever optimises minimises the **cost**,

.. math:: c(s) = \text{score}(s) \text{ to minimise it}, \qquad c(s) = -\text{score}(s) \text{ to maximise it,}

and reports are in the score's own units. A string with which nothing can be done has no score (None, or a number that
is not finite); what stands for it in the search is the score's ``failure``, or the worst of the training objects.

A new score is one file in this folder that names what it offers in

    ``SCORES: dict[str, Callable[[Sequence[str]], Score]]``

whose values are called with the training strings, for a score that is standardised by them; further parameters need
defaults, and become options in the name (``expression:python2`` or ``expression:division=python2``).
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Literal

from noiseless.errors import InputError, RunError, unknown
from noiseless.registry import offered, options

__all__ = ["GOALS", "Goal", "Score", "build", "check", "names", "of_ones_own"]

Goal = Literal["minimise", "maximise"]
GOALS: tuple[Goal, ...] = ("minimise", "maximise")


def _always(_: str) -> bool:
    return True


@dataclass(frozen=True)
class Score:
    """A number for a string, and which way it is better.

    Arguments:
        value: the score; None, or a number that is not finite, where the string has none.
        goal: which way is better.
        failure: what a code that decodes to nothing counts as; None: the worst score of the training objects.
        valid: whether a string is an object at all. Votes are counted among such strings.
        identity: what two strings for one object have in common, by which an object is new or not.
        votes: how often a code is decoded, by default.
    """

    value: Callable[[str], float | None]
    goal: Goal
    failure: float | None = None
    valid: Callable[[str], bool] = _always
    identity: Callable[[str], str] = str
    votes: int = 25

    def __call__(self, string: str) -> float:
        """The score, or NaN where there is none."""
        value = self.value(string)
        return value if value is not None and math.isfinite(value) else math.nan

    @property
    def sign(self) -> float:
        """1 where less is better, -1 where more is: what turns scores into costs, and back."""
        return 1.0 if self.goal == "minimise" else -1.0


def names() -> dict[str, str]:
    """Every score by the name that the command line takes, with a line on each.

    >>> sorted(names())
    ['expression', 'logp']
    """
    return {name: (inspect.getdoc(make) or name).splitlines()[0] for name, make in sorted(_catalogue().items())}


def check(name: str) -> None:
    """Refuses a name or an option that does not exist, before there are training strings."""
    _maker(name)


def build(name: str, training: Sequence[str]) -> Score:
    """The score of this name.

    Arguments:
        name: one of :func:`names`, with options after a colon if the score has any.
        training: the training strings.

    Raises:
        InputError: a name, an option or a value that does not exist, or a missing extra.
    """
    return _maker(name)(training)


def of_ones_own(name: str, function: Callable[[str], float | None], goal: Goal | None) -> Score:
    """A score of the user's own.

    Arguments:
        name: what errors call it.
        function: gives a number for a string, or None where it has none; every string counts as an object.
        goal: which way is better; it has to be said.

    Raises:
        InputError: no goal.
    """
    if goal is None:
        raise InputError(f"the score {name} is your own, so say which way is better: --goal minimise or maximise")

    def value(string: str) -> float | None:
        try:
            found = function(string)
            return None if found is None else float(found)
        except Exception as error:  # whatever the user's function raises
            raise RunError(f"the score {name} failed on {string!r} ({type(error).__name__}: {error})") from error

    return Score(value, goal)


def _maker(name: str) -> Callable[[Sequence[str]], Score]:
    kind = name.partition(":")[0]
    if kind not in _catalogue():
        raise InputError(f"{unknown('score', kind, _catalogue())}, or MODULE:FUNCTION of your own")
    make: Callable[..., Score] = _catalogue()[kind]
    return partial(make, **options("score", name, make))


@cache
def _catalogue() -> dict[str, Callable[[Sequence[str]], Score]]:
    return offered("noiseless.optimise.scores", "SCORES")
