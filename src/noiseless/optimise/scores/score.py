r"""The interface of scores, and how they are named and built.

A score is a function of a string with a goal, minimise or maximise, because published scores have both directions: the
error of an expression is minimised, a molecule's logP is maximised. Searches minimise the **cost**,

.. math:: c(s) = \text{score}(s) \text{ to minimise it}, \qquad c(s) = -\text{score}(s) \text{ to maximise it,}

and reports are in the score's own units. An invalid string has no score (None, or a number that is not finite); in the
search it is assigned the score's ``failure``, or else the worst score of the training objects.

A new score is one file in this folder that lists what it provides in

    ``SCORES: dict[str, Callable[[Sequence[str]], Score]]``

whose values are called with the training strings, for scores that are standardised by them. Further parameters need
defaults and become options in the name (``expression:python2`` or ``expression:division=python2``).
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
    """A score of strings, with its goal.

    Arguments:
        value: returns the score of a string; None, or a number that is not finite, if it has none.
        goal: whether the score is minimised or maximised.
        failure: the score assigned to a code that cannot be decoded; None means the worst score of the training
            objects.
        valid: whether a string is an object at all. Only such strings count as votes.
        identity: maps a string to an identifier that all strings for the same object share; decides whether it is new.
        votes: how often a code is decoded, by default.
    """

    value: Callable[[str], float | None]
    goal: Goal
    failure: float | None = None
    valid: Callable[[str], bool] = _always
    identity: Callable[[str], str] = str
    votes: int = 25

    def __call__(self, string: str) -> float:
        """The score, or NaN if the string has none."""
        value = self.value(string)
        return value if value is not None and math.isfinite(value) else math.nan

    @property
    def sign(self) -> float:
        """1 for scores that are minimised, else -1: the factor between scores and costs."""
        return 1.0 if self.goal == "minimise" else -1.0


def names() -> dict[str, str]:
    """The scores by the names that the command line accepts, with a one-line description of each.

    >>> sorted(names())
    ['expression', 'logp']
    """
    return {name: (inspect.getdoc(make) or name).splitlines()[0] for name, make in sorted(_catalogue().items())}


def check(name: str) -> None:
    """Refuses an unknown name or option, before training strings are available."""
    _maker(name)


def build(name: str, training: Sequence[str]) -> Score:
    """The score of this name.

    Arguments:
        name: one of :func:`names`, optionally with options after a colon.
        training: the training strings.

    Raises:
        InputError: the name, an option or a value is unknown, or an extra is not installed.
    """
    return _maker(name)(training)


def of_ones_own(name: str, function: Callable[[str], float | None], goal: Goal | None) -> Score:
    """A user-defined score.

    Arguments:
        name: what error messages call it.
        function: maps a string to a number, or None if it has none; every string counts as an object.
        goal: whether the score is minimised or maximised; required.

    Raises:
        InputError: there is no goal.
    """
    if goal is None:
        raise InputError(f"the score {name} is user-defined and needs a goal; give --goal minimise or --goal maximise")

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
        raise InputError(f"{unknown('score', kind, _catalogue())}, or MODULE:FUNCTION")
    make: Callable[..., Score] = _catalogue()[kind]
    return partial(make, **options("score", name, make))


@cache
def _catalogue() -> dict[str, Callable[[Sequence[str]], Score]]:
    return offered("noiseless.optimise.scores", "SCORES")
