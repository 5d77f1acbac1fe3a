"""Messages of the library in the words of the command line.

The library names parameters as Python spells them, such as ``batch=32`` or ``size=``. On the command line the same
sentences name options: ``--batch 32``, ``--size``.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from itertools import chain
from typing import Any, get_args, get_type_hints

__all__ = ["options", "spelled"]

NAMED = re.compile(r"(?<![^\s(])([a-z][a-z_]*)=(?!=)('[^']*'|\.\.\.|(?:[\w.+:@/-]*\w)?)")
"""``name=`` or ``name=value`` at the beginning of a word; a value ends before punctuation."""
HELD = re.compile(r"\bown=UserCode\(([a-z_]+=[^)]*)\)")
"""An option that Python has in an object of its own."""
BARE = re.compile(r"(?<![\w.'\"/=:-])[a-z]+(?:_[a-z]+)+(?![\w.'\"/=:])")
"""A name of several words, as a subject: ``lr_factor is 0``."""
SHORT = {"n": "-n"}
COMMANDS = (
    ("train", "_train"),
    ("train", "resume"),
    ("use", "sample"),
    ("use", "encode"),
    ("use", "decode"),
    ("use", "prune"),
    ("use", "interpolate"),
    ("judge", "evaluate"),
    ("judge", "compare"),
    ("optimise", "optimise"),
)
"""The functions behind the verbs, by module; train and reproduce have further options for each method and study."""


def spelled(text: str, known: Callable[[], Iterable[str]] | None = None) -> str:
    """A message with the parameters that it names as options of the command line.

    Arguments:
        text: the message.
        known: gives the parameters that are options; by default those of all commands.

    >>> names = lambda: ("batch", "size", "even")
    >>> spelled("give batch=32, or leave out size= (as pattern:even=false does)", names)
    'give --batch 32, or leave out --size (as pattern:even=false does)'
    """
    if NAMED.search(text) is None and BARE.search(text) is None:
        return text
    found = set((known or options)())
    named = NAMED.sub(lambda match: _flag(match, found), HELD.sub(r"\1", text))
    return BARE.sub(lambda match: f"--{match[0].replace('_', '-')}" if match[0] in found else match[0], named)


@cache
def options() -> frozenset[str]:
    """The parameters that are options of some command, in Python's spelling."""
    from noiseless import reproduction
    from noiseless.recipes.method import names

    verbs = [getattr(importlib.import_module(f"noiseless.cli.{module}"), verb) for module, verb in COMMANDS]
    requests = [get_type_hints(reproduction.find(study))["request"] for study in reproduction.names()]
    found = [*map(_parameters, [*verbs, *names().values()]), *map(_fields, requests)]
    return frozenset(chain.from_iterable(found))


def _parameters(function: Callable[..., Any]) -> Iterator[str]:
    """The keyword arguments of a function, and the fields of its arguments that are dataclasses."""
    from noiseless.values import Spec

    for name, parameter in inspect.signature(function, eval_str=True).parameters.items():
        hints = (parameter.annotation, *get_args(parameter.annotation))
        held = next((hint for hint in hints if is_dataclass(hint)), None)
        if held not in (None, Spec):
            yield from _fields(held)
        elif parameter.kind is parameter.KEYWORD_ONLY:
            yield name


def _fields(kind: Any) -> Iterator[str]:
    return (field.name for field in fields(kind) if field.init)


def _flag(match: re.Match[str], known: set[str]) -> str:
    name, value = match.groups()
    if name not in known:
        return match[0]
    flag = SHORT.get(name, f"--{name.replace('_', '-')}")
    if value == "False":
        return flag.replace("--", "--no-", 1)
    return flag if value in ("", "...", "True") else f"{flag} {value.strip(chr(39))}"
