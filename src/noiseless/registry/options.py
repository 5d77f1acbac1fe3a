"""Options in the name of a part: ``gmm:32``, ``gmm:components=32``."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from noiseless.errors import InputError, unknown

__all__ = ["options"]


def options(kind: str, name: str, make: Callable[..., Any], *, stem: str = "", given: int = 1) -> dict[str, Any]:
    """The options in a name: values in the order of the signature or ``option=value``, separated by commas.

    Arguments:
        kind: what errors call it.
        name: such as ``gmm:32`` or ``gmm:components=32``.
        make: whose parameters are the options; their defaults say the types.
        stem: ``name`` without options; what precedes its first colon by default.
        given: how many parameters, the first ones, are no options.

    Raises:
        InputError: an option or a value that does not exist.
    """
    stem = stem or name.partition(":")[0]
    rest = name[len(stem) + 1 :]
    if not rest and name == stem:
        return {}
    values = rest.split(",")
    defaults = _defaults(make, given)
    if len(values) > len(defaults):
        takes = f"{len(defaults)} options ({', '.join(defaults)})" if defaults else "no options"
        raise InputError(f"{kind} {stem!r} takes {takes}, and was given {', '.join(values)!r}")
    found: dict[str, Any] = {}
    for position, text in zip(defaults, values, strict=False):
        left, equals, right = text.partition("=")
        option, value = (left, right) if equals else (position, left)
        if option not in defaults:
            raise unknown(f"option of {kind} {stem}", option, defaults)
        found[option] = _value(f"{kind} {stem!r}", option, type(defaults[option]), value)
    return found


def _defaults(make: Callable[..., Any], given: int) -> dict[str, bool | int | float | str]:
    """The parameters that can be options: numbers and texts with a default."""
    defaults = {p.name: p.default for p in list(inspect.signature(make).parameters.values())[given:]}
    return {name: value for name, value in defaults.items() if isinstance(value, bool | int | float | str)}


def _value(what: str, option: str, wanted: type, text: str) -> Any:
    try:
        return {"true": True, "false": False}[text] if wanted is bool else wanted(text)
    except (KeyError, ValueError):
        raise InputError(f"option {option!r} of {what} must be {wanted.__name__}, not {text!r}") from None
