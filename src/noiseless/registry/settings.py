"""Settings that are given in Python: an object of their class, or a mapping of its fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from noiseless.errors import InputError, unknown

__all__ = ["settings"]

Settings = TypeVar("Settings")


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
