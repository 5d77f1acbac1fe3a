"""The two ways in which a command can fail, and the exit code of each.

Every message says what was given, what was expected and what to do, in one sentence or two. The command line
prints it without a stack trace.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["InputError", "RunError", "unknown"]


class InputError(ValueError):
    """What was given cannot be used: exit code 2."""


class RunError(RuntimeError):
    """Something went wrong while running: exit code 1."""


def unknown(kind: str, given: str, known: Iterable[str]) -> InputError:
    """An error for a name that does not exist, with the nearest one that does; options after a colon are left aside.

    >>> str(unknown("density", "gmn", ["gmm", "normal"]))
    "unknown density 'gmn' (did you mean 'gmm'?); known: gmm, normal"
    """
    names = sorted(known)
    near = difflib.get_close_matches(given.partition(":")[0], names, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    listed = map(repr, names) if any("," in name for name in names) else names
    return InputError(f"unknown {kind} {given!r}{hint}; known: {', '.join(listed)}")
