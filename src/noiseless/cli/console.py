"""What the user sees: results on standard output, all else on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from noiseless.cli.flags import spelled
from noiseless.errors import printable

__all__ = ["complain", "narrow", "note", "show", "tell", "wrote"]

PIPED = 160


def tell(*lines: str) -> None:
    """Lines of results."""
    if _first():
        sys.stdout.writelines(printable(line) + "\n" for line in lines)


def wrote(path: Path) -> None:
    """Where something was written."""
    tell(f"wrote {path}")


def note(lines: Iterable[str]) -> None:
    """What belongs beside the results, each sentence once."""
    if _first():
        said = (" ".join(spelled(printable(line)).split()) for line in filter(None, dict.fromkeys(lines)))
        sys.stderr.writelines(f"note: {line}\n" for line in said)


def complain(message: str) -> None:
    """Why a command failed."""
    Console(stderr=True, soft_wrap=True, highlight=False).print(
        f"noiseless: {printable(message)}", style="red", markup=False
    )


def narrow() -> bool:
    """Whether the terminal has too few columns for a table of all metrics in a frame."""
    return sys.stdout.isatty() and Console().width < 110


def show(table: Table) -> None:
    """A table as wide as the terminal, or as it likes on a pipe."""
    Console(highlight=False, width=None if sys.stdout.isatty() else PIPED).print(table)


def _first() -> bool:
    """Whether this is the first of the processes that train together, the one that speaks."""
    return os.environ.get("RANK", "0") == "0"
