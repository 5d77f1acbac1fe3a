"""What a file of JSON may hold, said by type hints, and checked value by value: a file may come from anybody.

A hint is ``bool``, ``int``, ``float`` (which a whole number is too), ``str``, ``None``, ``Any``, a ``Literal``, a
union, ``list``, ``tuple`` or ``dict`` of such, a ``TypedDict`` (further keys are left alone), or a dataclass (an object
of some of its fields). ``Annotated`` with :class:`Range` bounds a number. Numbers are finite, and whole ones below
2^63. What stands for an object of Python, such as a callable, fits no JSON; other hints say nothing.
"""

from __future__ import annotations

import dataclasses
import json
import math
import reprlib
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

from noiseless.errors import InputError

__all__ = ["Count", "Range", "conform", "misfit", "parse"]

DEEPEST, LARGEST = 64, 2**63
NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", type(None): "null"}
ANEW = "restore a copy, or train anew"
JSON = (bool, int, float, str, list, tuple, dict, type(None))


@dataclass(frozen=True)
class Range:
    """Bounds of a number, both included."""

    least: int | float
    most: int | float = math.inf


Count = Annotated[int, Range(0, 2**53)]
"""A number of things."""


def parse(text: str) -> Any:
    """JSON whose values are finite, whose text is Unicode, and which is not nested deeply.

    Raises:
        ValueError: it is none, or of another kind; the message says why.
    """
    try:
        value = json.loads(text, parse_constant=_refused, parse_float=_finite)
    except RecursionError:
        raise ValueError(f"it is nested more than {DEEPEST} deep") from None
    stack = [(value, 0)]
    while stack:
        item, depth = stack.pop()
        if depth > DEEPEST:
            raise ValueError(f"it is nested more than {DEEPEST} deep")
        if isinstance(item, str):
            item.encode()
        elif isinstance(item, dict):
            stack += [(inner, depth + 1) for pair in item.items() for inner in pair]
        elif isinstance(item, list):
            stack += [(inner, depth + 1) for inner in item]
    return value


def _refused(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _finite(digits: str) -> float:
    found = float(digits)
    return found if math.isfinite(found) else _refused(digits[:20])


def conform(path: Path, value: object, hint: Any, within: str = "", advice: str = ANEW) -> None:
    """Refuses what a file holds if it is not what the hint says.

    Arguments:
        path: the file.
        value: what it holds.
        hint: see the module.
        within: where in the file.
        advice: what to do about it.

    Raises:
        InputError: names the file and the field.
    """
    found = misfit(value, hint, within)
    if found is not None:
        raise InputError(f"{path} is damaged or of another version: {found}; {advice}")


def misfit(value: object, hint: Any, within: str = "") -> str | None:
    """The first field that is not what the hint says, what it is and what it should be; None if there is none."""
    return next(_misfits(value, hint, within), None)


def _misfits(value: object, hint: Any, within: str) -> Iterator[str]:
    origin, args = get_origin(hint), get_args(hint)
    if hint is Any or not isinstance(value, JSON):
        return
    if origin is Annotated:
        yield from _bounded(value, args[0], args[1], within)
    elif origin in (Union, types.UnionType):
        if all(misfit(value, one) for one in args):
            nearer = [one for one in args if _is_of_kind(value, one)]
            yield from _misfits(value, nearer[0], within) if nearer else iter([_said(value, hint, within)])
    elif _test_of(hint) is not None:
        if not _is_of_kind(value, hint):
            yield _said(value, hint, within)
        else:
            yield from _inner(value, hint, within)
    elif _stands_for_an_object(hint):
        yield _said(value, hint, within)


def _bounded(value: object, hint: Any, bounds: object, within: str) -> Iterator[str]:
    problems = list(_misfits(value, hint, within))
    yield from problems
    if not isinstance(bounds, Range) or problems or not isinstance(value, int | float):
        return
    if not bounds.least <= value <= bounds.most:
        most = f" to {bounds.most:g}" if bounds.most < math.inf else " or more"
        yield f"{within or 'it'} is {reprlib.repr(value)}, and must be {bounds.least:g}{most}"


def _test_of(hint: Any) -> Callable[[Any], bool] | None:
    """What tells whether a value is of the hint's kind, whatever is in it; None for hints that are not of JSON."""
    origin = get_origin(hint)
    if origin is Annotated:
        return _test_of(get_args(hint)[0])
    if origin is Literal:
        return lambda v: any(type(v) is type(one) and v == one for one in get_args(hint))
    if origin in (list, tuple) or hint in (list, tuple):
        return lambda v: isinstance(v, list | tuple)
    if origin is dict or hint is dict or is_typeddict(hint) or dataclasses.is_dataclass(hint):
        return lambda v: isinstance(v, dict)
    return SIMPLE.get(hint) if isinstance(hint, type) else SIMPLE[type(None)] if hint is None else None


SIMPLE: dict[type, Callable[[Any], bool]] = {
    bool: lambda v: isinstance(v, bool),
    int: lambda v: isinstance(v, int) and not isinstance(v, bool) and abs(v) < LARGEST,
    float: lambda v: isinstance(v, int | float) and not isinstance(v, bool) and abs(v) < 1e308 and math.isfinite(v),
    str: lambda v: isinstance(v, str),
    type(None): lambda v: v is None,
}


def _is_of_kind(value: object, hint: Any) -> bool:
    test = _test_of(hint)
    return test is not None and test(value)


def _inner(value: Any, hint: Any, within: str) -> Iterator[str]:
    """The misfits inside of a list or an object of the right kind."""
    args, dot = get_args(hint), f"{within}." if within else ""
    if isinstance(value, list | tuple) and args and get_origin(hint) is not Literal:
        for k, item in enumerate(value):
            yield from _misfits(item, args[0], f"{within}[{k}]")
    elif is_typeddict(hint):
        yield from (f"{dot}{key} is missing" for key in sorted(hint.__required_keys__ - value.keys()))
        yield from _fields(value, get_type_hints(hint, include_extras=True), dot)
    elif dataclasses.is_dataclass(hint):
        hints = get_type_hints(hint, include_extras=True)
        yield from (f"{dot}{key} is unknown" for key in sorted(value.keys() - hints.keys()))
        yield from _fields(value, hints, dot)
    elif isinstance(value, dict) and args:
        for key, item in value.items():
            yield from _misfits(item, args[1], f"{dot}{key}")


def _fields(value: Mapping[str, Any], hints: Mapping[str, Any], dot: str) -> Iterator[str]:
    for key in [key for key in value if key in hints]:
        yield from _misfits(value[key], hints[key], f"{dot}{key}")


def _said(value: object, hint: Any, within: str) -> str:
    shown = json.dumps(value)[:40] if isinstance(value, bool | type(None)) else reprlib.repr(value)
    return f"{within or 'it'} is {shown}, and must be {_name(hint)}"


def _name(hint: Any) -> str:
    """A hint in words."""
    origin = get_origin(hint)
    if origin is Annotated:
        return _name(get_args(hint)[0])
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_name(one) for one in get_args(hint)))
    if origin is Literal:
        return " or ".join(map(repr, get_args(hint)))
    if origin in (list, tuple) or hint in (list, tuple):
        return "a list"
    if origin is dict or hint is dict or is_typeddict(hint) or dataclasses.is_dataclass(hint):
        return "an object"
    return NAMES.get(hint if hint is not None else type(None), "a part of your own")


def _stands_for_an_object(hint: Any) -> bool:
    """Whether a hint is of a callable or a protocol, which no file can hold."""
    return get_origin(hint) is Callable or hint is Callable or getattr(hint, "_is_protocol", False)
