"""How reconstruction terms are named, found and built.

A new term is one file in this folder that lists what it provides in

    ``RECONSTRUCTIONS: dict[str, Callable[..., Reconstruction]]``

whose values, called without arguments, return a function from output and data to a scalar: summed over dimensions,
averaged over the batch. Parameters need defaults and become options in the name (``gaussian:0.5``). The module's
``ON_LOGITS`` lists terms that take log-odds instead of pixels; its ``IN_NATS`` lists terms in the unit of likelihoods,
for which the natural weight of a divergence is 1.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from torch import Tensor

from noiseless.errors import InputError, unknown
from noiseless.registry import modules, offered
from noiseless.values import Spec

__all__ = ["Distance", "Reconstruction", "build", "in_nats", "names"]

PACKAGE = "noiseless.objectives.reconstruction"
Reconstruction = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Distance:
    """A reconstruction term, as recipes use it.

    Arguments:
        of: maps output and data to a scalar.
        logits: whether the output must be logits.
    """

    of: Reconstruction
    logits: bool


def names() -> dict[str, str]:
    """The reconstruction terms by the names that the command line accepts, with a one-line description of each."""
    makers: dict[str, Callable[..., Reconstruction]] = _sequences() | {k: make for k, (make, _) in _catalogue().items()}
    return {name: (inspect.getdoc(make) or name).splitlines()[0] for name, make in sorted(makers.items())}


def in_nats(name: str) -> bool:
    """Whether the reconstruction term of this name, with or without options, is in the unit of likelihoods."""
    kind = name.partition(":")[0]
    return any(kind in getattr(module, "IN_NATS", ()) for module in modules(PACKAGE))


def build(name: str, spec: Spec) -> Distance:
    """The reconstruction term of this name, for data like ``spec``.

    Arguments:
        name: one of :func:`names`, with values of its options after a colon, separated by commas.
        spec: describes an example.

    Raises:
        InputError: the name or a value is unknown, or is for another kind of data.
    """
    kind, _, rest = name.partition(":")
    if spec.tokens:
        return Distance(_sequence(name, spec), logits=False)
    if kind in _sequences() and kind not in _catalogue():
        raise InputError(f"the reconstruction {kind!r} is for sequences of tokens, and {spec.name} are numbers")
    if kind not in _catalogue():
        raise unknown("reconstruction", kind, _catalogue())
    make, logits = _catalogue()[kind]
    if logits and not spec.is_image:
        raise InputError(f"the reconstruction {kind!r} is for data in [0, 1], and {spec.name} are vectors of any range")
    given, taken = rest.split(",") if rest else [], inspect.signature(make).parameters
    if len(given) > len(taken):
        raise InputError(f"the reconstruction {kind!r} takes {len(taken)} options ({', '.join(taken)}), not {given}")
    try:
        values = [float(text) for text in given]
    except ValueError:
        raise InputError(f"options of the reconstruction {kind!r} are numbers, not {rest!r}") from None
    return Distance(make(*values), logits)


def _sequence(name: str, spec: Spec) -> Reconstruction:
    if name in _sequences():
        return _sequences()[name](spec)
    if name.partition(":")[0] in _catalogue():
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
