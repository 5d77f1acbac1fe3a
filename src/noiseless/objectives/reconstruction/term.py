"""How reconstruction terms are chosen, found and built.

A term is a function from output and data to a scalar: summed over dimensions, averaged over the batch. It is chosen by
name, as an object, as ``MODULE:NAME`` or by an entry point in the group ``noiseless.reconstructions``
(:mod:`noiseless.registry`). The chosen object is the term itself, or a class or function that builds it and needs no
arguments; its parameters are then options in the name (``my_terms:Huber:0.5``). If its attribute ``on_logits`` is true,
it takes the log-odds of pixels instead of pixels; if ``in_nats`` is true, it is in the unit of likelihoods, for which
the natural weight of a divergence is 1.

A module of this folder lists the terms that it provides in

    ``RECONSTRUCTIONS: dict[str, Callable[..., Reconstruction]]``

whose values build the term and have numbers as options (``gaussian:0.5``). The module's ``ON_LOGITS`` and ``IN_NATS``
list the terms with these properties.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from noiseless.data import modality
from noiseless.errors import InputError, unknown
from noiseless.registry import Choice, Kind, Part, modules, offered
from noiseless.values import Spec

__all__ = ["RECONSTRUCTION", "Distance", "Reconstruction", "build", "in_nats", "names"]

PACKAGE = "noiseless.objectives.reconstruction"
Reconstruction = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Distance:
    """A reconstruction term, as recipes use it.

    Arguments:
        of: maps output and data to a scalar.
        logits: whether the output must be logits.
        name: its name in notes and in run.json.
    """

    of: Reconstruction
    logits: bool
    name: str = ""


def names() -> dict[str, str]:
    """The reconstruction terms by the names that the command line accepts, with a one-line description of each."""
    makers: dict[str, Callable[..., Reconstruction]] = _sequences() | {k: make for k, (make, _) in _catalogue().items()}
    return {name: (inspect.getdoc(make) or name).splitlines()[0] for name, make in sorted(makers.items())}


def in_nats(chosen: Choice) -> bool:
    """Whether the chosen reconstruction term is in the unit of likelihoods."""
    part = RECONSTRUCTION.find(chosen)
    if part.own:
        return bool(getattr(part.value, "in_nats", False))
    return any(part.stem in getattr(module, "IN_NATS", ()) for module in modules(PACKAGE))


def build(chosen: Choice, spec: Spec) -> Distance:
    """The chosen reconstruction term, for data like ``spec``.

    Arguments:
        chosen: one of :func:`names`, with values of its options after a colon, separated by commas; your own
            ``MODULE:NAME``; the name of a term of an installed package; or the term itself.
        spec: describes an example.

    Raises:
        InputError: the name or a value is unknown or for other data, or the object is not a reconstruction term.
    """
    part = RECONSTRUCTION.find(chosen)
    if part.own:
        return _own(part, spec)
    data = modality.of(spec)
    if data.discrete:
        return Distance(_sequence(part.name, spec), logits=False, name=part.name)
    kind, _, rest = part.name.partition(":")
    if kind not in _catalogue():
        raise InputError(f"the reconstruction {kind!r} is for sequences of tokens, and {spec.name} are numbers")
    make, logits = _catalogue()[kind]
    if logits and not data.pixels:
        raise InputError(f"the reconstruction {kind!r} is for data in [0, 1], and {spec.name} are vectors of any range")
    given, taken = rest.split(",") if rest else [], inspect.signature(make).parameters
    if len(given) > len(taken):
        raise InputError(f"the reconstruction {kind!r} takes {len(taken)} options ({', '.join(taken)}), not {given}")
    try:
        values = [float(text) for text in given]
    except ValueError:
        raise InputError(f"options of the reconstruction {kind!r} are numbers, not {rest!r}") from None
    return Distance(make(*values), logits, part.name)


def _own(part: Part, spec: Spec) -> Distance:
    """A user-defined term, tested once on zeros."""
    term = part.instance()
    logits = bool(getattr(part.value, "on_logits", False))
    try:
        value = term(torch.zeros(2, *spec.outputs), torch.zeros(2, *spec.shape))
    except Exception as error:  # the user's term may raise anything
        reason = f"{type(error).__name__}: {error}"
        shapes = f"an output {(2, *spec.outputs)} and data {(2, *spec.shape)}"
        raise InputError(f"the reconstruction {part.name} cannot be computed for {shapes} ({reason})") from error
    if not isinstance(value, Tensor) or value.ndim:
        given = f"a tensor {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
        raise InputError(f"the reconstruction {part.name} returned {given}; expected a scalar tensor")
    return Distance(_Frozen(term) if isinstance(term, nn.Module) else term, logits, part.name)


class _Frozen:
    """A term that is a module, but not a submodule of the objective: it is neither trained nor saved with it."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module.eval().requires_grad_(False)
        self._copies: dict[tuple[torch.device, torch.dtype], nn.Module] = {}

    def __deepcopy__(self, memo: Any) -> _Frozen:
        return self

    def __call__(self, y: Tensor, x: Tensor) -> Tensor:
        key = (y.device, y.dtype)
        if key not in self._copies:
            self._copies[key] = copy.deepcopy(self._module).to(*key)
        return self._copies[key](y, x)


def _sequence(name: str, spec: Spec) -> Reconstruction:
    if name in _sequences():
        return _sequences()[name](spec)
    if name.partition(":")[0] not in _sequences():
        known = ", ".join(sorted(_sequences()))
        raise InputError(
            f"the reconstruction {name!r} is for numbers, and {spec.name} are sequences of tokens; use {known}"
        )
    raise unknown("reconstruction", name, _sequences())


@cache
def _sequences() -> dict[str, Callable[[Spec], Reconstruction]]:
    return offered(PACKAGE, "SEQUENCES")


@cache
def _catalogue() -> dict[str, tuple[Callable[..., Reconstruction], bool]]:
    on_logits = {name for module in modules(PACKAGE) for name in getattr(module, "ON_LOGITS", ())}
    return {name: (make, name in on_logits) for name, make in offered(PACKAGE, "RECONSTRUCTIONS").items()}


RECONSTRUCTION = Kind("reconstruction", "noiseless.reconstructions", lambda: {**_sequences(), **_built_in()})
"""How reconstruction terms are found."""


def _built_in() -> dict[str, Callable[..., Reconstruction]]:
    return {name: make for name, (make, _) in _catalogue().items()}
