"""Code of the user's own: `module:function`, imported because the user named it, never because a file does.

The module is found as Python finds modules, the current folder first.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Annotated, Any

from cyclopts import Parameter, Token

from noiseless.errors import InputError, unknown

__all__ = ["Named", "is_named", "load_callable"]


def is_named(source: str) -> bool:
    """Whether `source` reads `module:function`.

    >>> is_named("my.data:faces"), is_named("C:/faces")
    (True, False)
    """
    return re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", source) is not None


def load_callable(source: str) -> Callable[..., Any]:
    """What `module:function` names.

    Raises:
        InputError: it reads otherwise, the module cannot be imported, or it has no such function.
    """
    if not is_named(source):
        raise InputError(f"{source!r} is no function of yours; give MODULE:FUNCTION, such as my_module:my_function")
    module, _, name = source.partition(":")
    functions = {key: value for key, value in vars(_imported(module)).items() if callable(value)}
    if name not in functions:
        raise unknown(f"function of the module {module}", name, functions)
    return functions[name]


def _imported(module: str) -> ModuleType:
    try:
        with _current_folder_first():
            return importlib.import_module(module)
    except Exception as error:  # whatever the user's module raises while it is imported
        raise InputError(
            f"the module {module!r} cannot be imported ({type(error).__name__}: {error}); "
            "give MODULE:FUNCTION with a module in the current folder or installed"
        ) from error


def _convert(_: object, tokens: Sequence[Token]) -> Callable[..., Any]:
    return load_callable(tokens[0].value)


Named = Annotated[Callable[..., Any], Parameter(converter=_convert)]
"""A callable, which the command line takes as `module:function`."""


@contextmanager
def _current_folder_first() -> Iterator[None]:
    before = list(sys.path)
    sys.path.insert(0, os.getcwd())
    try:
        yield
    finally:
        sys.path[:] = before
