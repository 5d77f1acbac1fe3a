"""A progress bar on the standard error stream, shown only on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

__all__ = ["bar"]


@contextmanager
def bar(title: str, total: int | None, in_bytes: bool = False) -> Iterator[Callable[[int], None]]:
    """Yields a function that advances the bar.

    Arguments:
        title: the label of the bar.
        total: the total count, or None if it is unknown.
        in_bytes: whether the count is in bytes.
    """
    count = DownloadColumn() if in_bytes else MofNCompleteColumn()
    columns = (TextColumn("{task.description}"), BarColumn(), count, TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(title, total=total)
        yield lambda step: progress.advance(task, step)
