"""Progress of a trial: the rounds completed, and the work within the current one."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

__all__ = ["Meter"]

ROUND = "round"


class Meter:
    """On a terminal one bar for the rounds and one for the work within a round; otherwise one line per round.

    Arguments:
        title: the label of the rounds.
        show: whether to print anything.
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
        """Updates the progress of the task ``what``, which is ``round`` for the rounds themselves."""
        if what == ROUND:
            self.bar.update(self.rounds, completed=done, total=total)
            if self.show and self.bar.disable:
                self.console.print(f"{self.title}: {done} of {total} rounds", soft_wrap=True, highlight=False)
            return
        self.bar.update(self.work, description=what, completed=done, total=total)
