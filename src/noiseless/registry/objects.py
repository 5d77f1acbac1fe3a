"""Objects of the user's own by ``MODULE:NAME``, and the names of objects."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import ModuleType
from typing import Any

from noiseless.errors import InputError, unknown

__all__ = ["NAMED", "is_factory", "is_named", "load_object", "name_of"]

NAMED = re.compile(r"([A-Za-z_][\w.]*:[A-Za-z_]\w*)(?::(.*))?")
"""``MODULE:NAME``, and options."""


def is_named(source: str) -> bool:
    """Whether ``source`` reads ``MODULE:NAME``, with or without options.

    >>> is_named("my.data:faces"), is_named("my.data:faces:64"), is_named("C:/faces")
    (True, True, False)
    """
    return NAMED.fullmatch(source) is not None


def load_object(source: str) -> Any:
    """What ``MODULE:NAME`` names.

    Raises:
        InputError: it reads otherwise, the module cannot be imported, or has no such name.
    """
    if not is_named(source):
        raise InputError(f"{source!r} is no code of yours; give MODULE:NAME, such as my_module:my_function")
    module, _, name = source.partition(":")
    found = vars(_imported(module))
    if name not in found:
        public = [key for key, value in found.items() if key[0] != "_" and not isinstance(value, ModuleType)]
        raise unknown(f"name in the module {module}", name, public)
    return found[name]


def name_of(value: object) -> str:
    """``MODULE:NAME`` of a function or class; of a partial its function's, of another object its class's.

    >>> name_of(is_named)
    'noiseless.registry.objects:is_named'
    """
    if isinstance(value, partial):
        return name_of(value.func)
    named: Any = value if hasattr(value, "__qualname__") else type(value)
    return f"{named.__module__}:{named.__qualname__}"


def is_factory(value: object) -> bool:
    """Whether ``value`` is called to make a part: a function or class without required arguments.

    >>> is_factory(lambda side=64: side), is_factory(len)
    (True, False)
    """
    if not callable(value):
        return False
    try:
        return all(p.default is not p.empty for p in inspect.signature(value).parameters.values())
    except (TypeError, ValueError):
        return False


def _imported(module: str) -> ModuleType:
    try:
        with _current_folder_first():
            return importlib.import_module(module)
    except Exception as error:  # whatever the user's module raises while it is imported
        raise InputError(
            f"the module {module!r} cannot be imported ({type(error).__name__}: {error}); "
            "give MODULE:NAME with a module in the current folder or installed"
        ) from error


@contextmanager
def _current_folder_first() -> Iterator[None]:
    before = list(sys.path)
    sys.path.insert(0, os.getcwd())
    try:
        yield
    finally:
        sys.path[:] = before
