"""What a trial shows: the rounds that are done, and what is being done in this one."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

__all__ = ["Meter"]

ROUND = "round"


class Meter:
    """A bar for the rounds and one for the work of a round on a terminal; a line a round elsewhere.

    Arguments:
        title: what stands before the rounds.
        show: whether anything is printed.
    """

    def __init__(self, title: str, show: bool = True) -> None:
        self.console = Console(stderr=True)
        self.title, self.show = title, show
        self.bar = Progress(
            TextColumn("{task.description}"),
            MofNCompleteColumn(),
            BarColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self.console,
            disable=not (show and self.console.is_terminal),
        )

    def __enter__(self) -> Meter:
        self.bar.start()
        self.rounds = self.bar.add_task(self.title, total=None)
        self.work = self.bar.add_task("", total=None)
        return self

    def __exit__(self, *args: object) -> None:
        self.bar.stop()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Says that so much of it is done; ``round`` is the name of the rounds."""
        if what == ROUND:
            self.bar.update(self.rounds, completed=done, total=total)
            if self.show and self.bar.disable:
                self.console.print(f"{self.title}: {done} of {total} rounds", soft_wrap=True, highlight=False)
            return
        self.bar.update(self.work, description=what, completed=done, total=total)
