"""How a reconstruction term is chosen, found and built.

A term is a function of output and data to a number: a sum over dimensions, a mean over the batch. It is chosen by
name, as an object, as `MODULE:NAME` or by an entry point in the group `noiseless.reconstructions`
(:mod:`noiseless.registry`). What is named so is the term itself, or a class or function that makes it and needs no
arguments; its parameters are then options in the name (``my_terms:Huber:0.5``). If it has an attribute ``on_logits``
that is true, it takes the log-odds of pixels in place of pixels; with ``in_nats`` it is in the unit of likelihoods,
beside which a divergence weighs 1.

A module of this folder names the terms that it offers in

    ``RECONSTRUCTIONS: dict[str, Callable[..., Reconstruction]]``

whose values make the term and have numbers as options (``gaussian:0.5``). Names in the module's ``ON_LOGITS`` and
``IN_NATS`` are of terms with these properties.
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
    """A reconstruction term as a recipe needs it.

    Arguments:
        of: output and data to a number.
        logits: whether the output has to be logits.
        name: what notes and run.json call it.
    """

    of: Reconstruction
    logits: bool
    name: str = ""


def names() -> dict[str, str]:
    """Every reconstruction term by the name that the command line takes, with a line on each."""
    makers: dict[str, Callable[..., Reconstruction]] = _sequences() | {k: make for k, (make, _) in _catalogue().items()}
    return {name: (inspect.getdoc(make) or name).splitlines()[0] for name, make in sorted(makers.items())}


def in_nats(chosen: Choice) -> bool:
    """Whether the reconstruction term that is chosen is in the unit of likelihoods."""
    part = RECONSTRUCTION.find(chosen)
    if part.own:
        return bool(getattr(part.value, "in_nats", False))
    return any(part.stem in getattr(module, "IN_NATS", ()) for module in modules(PACKAGE))


def build(chosen: Choice, spec: Spec) -> Distance:
    """The reconstruction term that is chosen, for data like `spec`.

    Arguments:
        chosen: one of :func:`names`, with values of its options after a colon, separated by commas; `MODULE:NAME` of
            your own; the name of an installed package's; or the term itself.
        spec: what a datum looks like.

    Raises:
        InputError: a name or a value that does not exist, or that is for other data, or what is named is no term.
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
    """A term of the user's own, tried once on zeros."""
    term = part.instance()
    logits = bool(getattr(part.value, "on_logits", False))
    try:
        value = term(torch.zeros(2, *spec.outputs), torch.zeros(2, *spec.shape))
    except Exception as error:  # whatever the user's term raises
        reason = f"{type(error).__name__}: {error}"
        shapes = f"an output {(2, *spec.outputs)} and data {(2, *spec.shape)}"
        raise InputError(f"the reconstruction {part.name} cannot be computed for {shapes} ({reason})") from error
    if not isinstance(value, Tensor) or value.ndim:
        given = f"a tensor {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
        raise InputError(f"the reconstruction {part.name} gave {given}; expected a tensor of one number")
    return Distance(_Frozen(term) if isinstance(term, nn.Module) else term, logits, part.name)


class _Frozen:
    """A term that is a module: no part of the objective that holds it, neither trained nor saved with it."""

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
            f"the reconstruction {name!r} is for numbers, and {spec.name} are sequences of tokens; take {known}"
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
"""Where reconstruction terms are found."""


def _built_in() -> dict[str, Callable[..., Reconstruction]]:
    return {name: make for name, (make, _) in _catalogue().items()}
