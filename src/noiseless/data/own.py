"""A data set of the user's own: ``module:function``, a function without arguments that returns a `Raw`.

The module is found as Python finds modules, the current folder first. It is imported because the user named it.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import ModuleType

from noiseless.data.arrays import standard
from noiseless.data.raw import Raw
from noiseless.errors import InputError, unknown

__all__ = ["is_reference", "load"]


def is_reference(source: str) -> bool:
    """Whether `source` reads ``module:function``.

    >>> is_reference("my.data:faces"), is_reference("C:/faces")
    (True, False)
    """
    return re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", source) is not None


def load(source: str) -> Raw:
    """What the function gives, its array brought to the standard form.

    Raises:
        InputError: there is no such module or function, or it does not return a `Raw`.
    """
    module, _, name = source.partition(":")
    functions = {key: value for key, value in vars(_imported(module)).items() if callable(value)}
    if name not in functions:
        raise unknown(f"function of the module {module}", name, functions)
    raw = functions[name]()
    if not isinstance(raw, Raw):
        raise InputError(f"{source} returned a {type(raw).__name__}; expected a noiseless.data.Raw")
    return replace(raw, array=standard(source, raw.array))


def _imported(module: str) -> ModuleType:
    try:
        with _current_folder_first():
            return importlib.import_module(module)
    except Exception as error:  # whatever the user's module raises while it is imported
        raise InputError(
            f"the module {module!r} cannot be imported ({type(error).__name__}: {error}); "
            f"give MODULE:FUNCTION with a module in the current folder or installed"
        ) from error


@contextmanager
def _current_folder_first() -> Iterator[None]:
    before = list(sys.path)
    sys.path.insert(0, os.getcwd())
    try:
        yield
    finally:
        sys.path[:] = before
