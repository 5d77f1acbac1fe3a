r"""The interface of scores, and how they are named and built.

A score is a function of a string with a goal, minimise or maximise, because published scores have both directions: the
error of an expression is minimised, a molecule's logP is maximised. Searches minimise the **cost**,

.. math:: c(s) = \text{score}(s) \text{ to minimise it}, \qquad c(s) = -\text{score}(s) \text{ to maximise it,}

and reports are in the score's own units. An invalid string has no score (None, or a number that is not finite); in the
search it is assigned the score's ``failure``, or else the worst score of the training objects.

A score is chosen by name, as an object, as ``MODULE:NAME`` or by an entry point in the group ``noiseless.scores``
(:mod:`noiseless.registry`). A user-defined score is a function of a string (:func:`of_ones_own`), a :class:`Score`, or
a function of the training strings that is annotated to return one. A module of this folder lists those that it provides
in

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

from noiseless.errors import InputError, RunError
from noiseless.registry import Choice, Kind, Part, offered, options

__all__ = ["GOALS", "SCORE", "Goal", "Score", "build", "check", "names", "of_ones_own"]

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


def check(chosen: Choice, goal: Goal | None = None) -> None:
    """Refuses an invalid name, option or goal, before training strings are available."""
    _maker(SCORE.find(chosen), goal)


def build(chosen: Choice, training: Sequence[str], goal: Goal | None = None) -> Score:
    """The chosen score.

    Arguments:
        chosen: one of :func:`names`, optionally with options after a colon; your own ``MODULE:NAME``; the name of a
            score of an installed package; or the object.
        training: the training strings.
        goal: whether the score is minimised or maximised; required for functions of a string, which do not define it.

    Raises:
        InputError: the name, an option or a value is unknown, an extra is not installed, or a goal is missing or not
            needed.
    """
    return _maker(SCORE.find(chosen), goal)(training)


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
        raise InputError(f"the score {name} is user-defined and needs a goal; give goal=minimise or goal=maximise")

    def value(string: str) -> float | None:
        try:
            found = function(string)
            return None if found is None else float(found)
        except Exception as error:  # whatever the user's function raises
            raise RunError(f"the score {name} failed on {string!r} ({type(error).__name__}: {error})") from error

    return Score(value, goal)


def _maker(part: Part, goal: Goal | None) -> Callable[[Sequence[str]], Score]:
    """The function that builds the score, given the training strings."""
    if not callable(part.value):
        raise InputError(f"the score {part.name} is a {type(part.value).__name__}; expected a function of a string")
    if part.own and not _says_its_goal(part.value):
        function = partial(part.value, **options("score", part.name, part.value, stem=part.stem))
        own = of_ones_own(part.name, function, goal)
        return lambda _: own
    if goal is not None:
        raise InputError(f"goal= is for user-defined scores, and {part.name} defines its own; leave it out")
    if isinstance(part.value, Score):
        score = part.value
        return lambda _: score
    return partial(part.value, **options("score", part.name, part.value, stem=part.stem))


def _says_its_goal(value: object) -> bool:
    """Whether it is a score, or a function that is annotated to return one."""
    return isinstance(value, Score) or getattr(value, "__annotations__", {}).get("return") in (Score, "Score")


@cache
def _catalogue() -> dict[str, Callable[[Sequence[str]], Score]]:
    return offered("noiseless.optimisation.scores", "SCORES")


SCORE = Kind("score", "noiseless.scores", lambda: _catalogue())
"""How scores are found."""
