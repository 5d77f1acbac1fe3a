"""A progress bar on the standard error stream, shown only where that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

__all__ = ["bar"]


@contextmanager
def bar(title: str, total: int | None, in_bytes: bool = False) -> Iterator[Callable[[int], None]]:
    """Gives a function that moves the bar on.

    Arguments:
        title: what is being done.
        total: how far the bar goes, or None where that is not known.
        in_bytes: whether the count is one of bytes.
    """
    count = DownloadColumn() if in_bytes else MofNCompleteColumn()
    columns = (TextColumn("{task.description}"), BarColumn(), count, TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(title, total=total)
        yield lambda step: progress.advance(task, step)
