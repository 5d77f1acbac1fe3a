"""What names stand for: what a package offers, code of the user's own, `module:function`; and their options, `gmm:32`.

Code is imported because the user named it, never because a file does. The module is found as Python finds modules, the
current folder first. Options are the parameters of what the name stands for, after the first one.
"""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from types import ModuleType
from typing import Annotated, Any

from cyclopts import Parameter, Token

from noiseless.errors import InputError, unknown

__all__ = ["ImportableCallable", "is_named", "load_callable", "modality", "modules", "offered", "options"]


def modules(package: str) -> list[ModuleType]:
    """The modules of a package, imported."""
    folders = importlib.import_module(package).__path__
    return [importlib.import_module(f"{package}.{info.name}") for info in pkgutil.iter_modules(folders)]


def offered(package: str, table: str) -> dict[str, Any]:
    """What the modules of a package offer by name, in the dictionaries of theirs that are called `table`."""
    return {name: value for module in modules(package) for name, value in getattr(module, table, {}).items()}


def modality(name: str) -> Any:
    """The object of :mod:`noiseless.modalities` for a kind of data, :attr:`noiseless.values.Spec.modality`.

    Rooms below :mod:`noiseless.modalities` ask for it here instead of importing it. Each declares as an abstract class
    what it has to know about a kind of data, and takes the object as an instance of that class.
    """
    known = _modalities()
    if name not in known:
        raise unknown("kind of data", name, known)
    return known[name]


@cache
def _modalities() -> dict[str, Any]:
    return offered("noiseless.modalities", "MODALITIES")


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


def options(kind: str, name: str, make: Callable[..., Any]) -> dict[str, Any]:
    """The options in a name: values in the order of the signature or ``option=value``, separated by commas.

    Arguments:
        kind: what errors call it.
        name: such as ``gmm:32`` or ``gmm:components=32``.
        make: whose parameters after the first are the options; their defaults say the types.

    Raises:
        InputError: an option or a value that does not exist.
    """
    stem, colon, rest = name.partition(":")
    given = rest.split(",") if colon else []
    defaults = {p.name: p.default for p in list(inspect.signature(make).parameters.values())[1:]}
    if len(given) > len(defaults):
        takes = f"{len(defaults)} options ({', '.join(defaults)})" if defaults else "no options"
        raise InputError(f"{kind} {stem!r} takes {takes}, and was given {', '.join(given)!r}")
    found: dict[str, Any] = {}
    for position, text in zip(defaults, given, strict=False):
        left, equals, right = text.partition("=")
        option, value = (left, right) if equals else (position, left)
        if option not in defaults:
            raise unknown(f"option of {kind} {stem}", option, defaults)
        found[option] = _value(f"{kind} {stem!r}", option, type(defaults[option]), value)
    return found


def _value(what: str, option: str, wanted: type, text: str) -> Any:
    try:
        return {"true": True, "false": False}[text] if wanted is bool else wanted(text)
    except (KeyError, ValueError):
        raise InputError(f"option {option!r} of {what} must be {wanted.__name__}, not {text!r}") from None


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


ImportableCallable = Annotated[Callable[..., Any], Parameter(converter=_convert)]
"""A callable, which the command line takes as `module:function`."""


@contextmanager
def _current_folder_first() -> Iterator[None]:
    before = list(sys.path)
    sys.path.insert(0, os.getcwd())
    try:
        yield
    finally:
        sys.path[:] = before
