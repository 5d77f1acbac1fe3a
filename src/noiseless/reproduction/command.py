"""The command that makes a report, and what a report of another command would take from it."""

from __future__ import annotations

import shlex
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from noiseless.errors import InputError
from noiseless.files import read_json

__all__ = ["command", "refuse_loss", "refuse_overwrite"]

ALWAYS = ("objects", "data", "scale")
"""Options that are always shown, and shown first."""
LAST = ("threads",)
PLACES = ("data_dir", "device", "runs", "out", "overwrite")
"""What belongs to a machine, or to where things lie."""
DEFAULTS = {"--scale": {"small"}, "--seeds": {"0", "1", "2"}}
"""Options that a command may have left out."""
APART = ("--rows", "--seeds", "--threads")
"""Options in which two commands may differ and still describe the same report."""


def command(study: str, request: Any) -> str:
    """The command of a study's report, without places on this machine.

    Arguments:
        study: its name.
        request: a dataclass of options.
    """
    words = ["noiseless", "reproduce", study]
    for option in sorted(fields(request), key=lambda option: _place(option.name)):
        value = getattr(request, option.name)
        told = option.name in ALWAYS or option.default is MISSING or value != option.default
        if option.name in PLACES or value is None or not told:
            continue
        given = value if isinstance(value, tuple) else (value,)
        shown = [Path(v).name if option.name == "data" and Path(v).is_absolute() else str(v) for v in given]
        words += ["-n" if option.name == "n" else f"--{option.name}", *shown]
    return shlex.join(words)


def _place(option: str) -> int:
    """Where an option stands in a command; those of one place stand as the request declares them."""
    return ALWAYS.index(option) if option in ALWAYS else len(ALWAYS) + (option in LAST)


def refuse_overwrite(study: str, request: Any) -> None:
    """Refuses, before anything is trained, a report for which another one would be lost; see :func:`refuse_loss`."""
    if not request.overwrite:
        refuse_loss(request.place(study), command(study, request))


def refuse_loss(out: Path, made: str) -> None:
    """Refuses to overwrite a report that has other settings, or rows or seeds that the new one lacks.

    Arguments:
        out: where reports are written, without an ending.
        made: the new one's command.

    Raises:
        InputError: it is there, and would be lost.
    """
    path = out.with_name(f"{out.name}.json")
    if not path.is_file():
        return
    content = read_json(path)
    there = content.get("command", "") if isinstance(content, dict) else ""
    old, new = _terms(there), _terms(made)
    rows = "--rows" not in new or ("--rows" in old and old["--rows"] <= new["--rows"])
    same = all(old.get(name) == new.get(name) for name in (old.keys() | new.keys()).difference(APART))
    if not (rows and same and old["--seeds"] <= new["--seeds"]):
        raise InputError(
            f"{path} has what another command made ({there or 'unknown'}); nothing was replaced, and what was measured "
            "is kept in the runs; choose another path (out=), or replace it (overwrite=True)"
        )


def _terms(line: str) -> dict[str, set[str]]:
    """Options and what was given with them, in small letters."""
    terms: dict[str, set[str]] = {}
    name = ""
    for word in shlex.split(line)[2:]:
        if word.startswith("-"):
            name = word
        terms.setdefault(name, set()).update(() if word == name else (word.lower(),))
    return DEFAULTS | terms
