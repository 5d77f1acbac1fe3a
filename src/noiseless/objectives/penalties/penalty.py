"""How penalties and their weights are chosen, found and built.

A penalty is a function from a trace and an autoencoder to a scalar (:data:`noiseless.objectives.regularised.Penalty`).
It is chosen by name, as an object, as ``MODULE:NAME`` or by an entry point in the group ``noiseless.penalties``
(:mod:`noiseless.registry`). The chosen object is the penalty itself, or a class or function that builds it and needs no
arguments; its parameters are then options in the name (``decoder-norm:kernels``). The weight follows the name,
``code-norm@0.1``. A penalty that needs more than one example per batch has an attribute ``min_batch_size``.

A module of this folder lists the penalties that it provides in a dictionary ``PENALTIES``.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from noiseless.errors import InputError, unknown
from noiseless.objectives.regularised import Term
from noiseless.registry import Kind, Part, name_of, offered

__all__ = ["PENALTY", "PenaltyChoice", "build", "names", "weighted"]

PenaltyChoice = str | Term | Mapping[str, Any]
"""A penalty with its weight: a name, optionally with @WEIGHT, a term, or a term from run.json."""


def names() -> dict[str, str]:
    """The penalties by the names that the command line accepts, with a one-line description of each."""
    return {name: (inspect.getdoc(penalty) or name).splitlines()[0] for name, penalty in sorted(_catalogue().items())}


def build(chosen: Iterable[PenaltyChoice]) -> dict[str, Term]:
    """The chosen terms by the names shown in logs.

    Raises:
        InputError: a name, an option or a weight is invalid, two terms have the same name, or a single one is given
            without a tuple around it.
    """
    if isinstance(chosen, str | Term) or callable(chosen):
        raise InputError(f"penalty is {name_of(chosen)}, and must be several; give a tuple, such as penalty=(it,)")
    found: dict[str, Term] = {}
    for one in chosen:
        name, term = _term(one)
        if name in found or name == "reconstruction":
            raise InputError(f"the loss has two terms called {name!r}; choose each penalty once")
        found[name] = term
    return found


def weighted(name: str) -> tuple[str, str]:
    """The name of a penalty, including options, and its weight, as strings.

    >>> weighted("code-norm@0.1"), weighted("my_module:my_penalty")
    (('code-norm', '0.1'), ('my_module:my_penalty', '1'))
    """
    stem, at, weight = name.rpartition("@")
    return (stem, weight) if at else (name, "1")


def _term(chosen: PenaltyChoice) -> tuple[str, Term]:
    if isinstance(chosen, Term):
        return name_of(chosen.penalty).rpartition(":")[2].rpartition(".")[2], chosen
    if isinstance(chosen, Mapping):
        if unexpected := chosen.keys() - Term.__dataclass_fields__.keys():
            raise unknown("field of a penalty", sorted(unexpected)[0], Term.__dataclass_fields__)
        part = PENALTY.find(chosen["penalty"])
        penalty = _penalty(part)
        needs = {"min_batch_size": getattr(penalty, "min_batch_size", 1)}
        return _short(part), Term(**{**needs, **chosen, "penalty": penalty})
    name, text = weighted(chosen)
    part = PENALTY.find(name)
    try:
        weight = float(text)
    except ValueError:
        raise InputError(f"the weight of the penalty {name} is {text!r}; give a number, {name}@0.1") from None
    penalty = _penalty(part)
    return _short(part), Term(weight, penalty, min_batch_size=getattr(penalty, "min_batch_size", 1))


def _penalty(part: Part) -> Any:
    penalty = part.instance()
    if not callable(penalty):
        raise InputError(f"the penalty {part.name} is a {type(penalty).__name__}; expected a function of a trace")
    return penalty


def _short(part: Part) -> str:
    return part.stem.rpartition(":")[2]


@cache
def _catalogue() -> dict[str, Any]:
    return offered("noiseless.objectives.penalties", "PENALTIES")


PENALTY = Kind("penalty", "noiseless.penalties", lambda: _catalogue())
"""How penalties are found."""
