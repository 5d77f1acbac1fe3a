"""Settings that are given in Python: an object of their class, or a mapping of its fields; and the types of these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from numbers import Integral, Real
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from noiseless.errors import InputError, unknown

__all__ = ["check_types", "settings"]

Settings = TypeVar("Settings")
PLAIN: dict[Any, tuple[Any, str]] = {
    int: (Integral, "a whole number"),
    float: (Real, "a number"),
    bool: (bool, "True or False"),
    str: (str, "a text"),
    type(None): (type(None), "None"),
}
"""By annotation, what is taken, and what errors call it."""


def settings(kind: type[Settings], given: object, name: str) -> Settings:
    """Settings of a class, made from a mapping where that was given.

    Arguments:
        kind: a dataclass, such as ``Networks``.
        given: an object of it, or a mapping of its fields.
        name: what errors call it.

    Raises:
        InputError: it is something else, or a field does not exist.
    """
    if isinstance(given, kind):
        return given
    described: Any = kind
    known = [field.name for field in fields(described) if field.init]
    if not isinstance(given, Mapping):
        example = f"{kind.__name__}({known[0]}=...)"
        raise InputError(f"{name} is {given!r}; expected settings such as {example}, of {', '.join(known)}")
    for key in given:
        if key not in known:
            raise unknown(f"setting of {name}", str(key), known)
    return kind(**given)


def check_types(given: object) -> None:
    """Refuses fields of a dataclass that are of another type than annotated.

    Numbers, texts, truth values, choices among texts and None are checked; fields that take anything else are not.

    Raises:
        InputError: the first such field.
    """
    kind: Any = type(given)
    for name, kinds in _checked(kind).items():
        value = getattr(given, name)
        if not any(_is(value, kind) for kind in kinds):
            expected = " or ".join(_named(kind) for kind in kinds if kind is not type(None))
            raise InputError(f"{name} is {value!r}; expected {expected}")


@cache
def _checked(kind: Any) -> dict[str, tuple[Any, ...]]:
    """The alternatives of every field whose type is checked."""
    hints = {
        name: get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
        for name, hint in get_type_hints(kind).items()
    }
    return {name: kinds for name, kinds in hints.items() if all(k in PLAIN or get_origin(k) is Literal for k in kinds)}


def _is(value: object, kind: Any) -> bool:
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    return isinstance(value, PLAIN[kind][0]) and (kind is bool or not isinstance(value, bool))


def _named(kind: Any) -> str:
    return f"one of {', '.join(map(str, get_args(kind)))}" if get_origin(kind) is Literal else PLAIN[kind][1]
