"""Progress of training: values of the loss terms, throughput, remaining time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from torch import Tensor

from noiseless.errors import RunError
from noiseless.training.engine import Engine
from noiseless.training.state import State

__all__ = ["Bar", "Log"]

BAR, OFTEN, WAITS = 10, 0.25, (3.0, 300.0)
"""The bar's width; seconds between updates on a terminal, and between lines elsewhere: the first and the most."""


class Log:
    """Values of the loss terms, kept on the device until they are read together.

    Arguments:
        engine: the processes over which values are averaged.

    Attributes:
        first: the terms of the first step, once they were read.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.pending: list[tuple[int, str, Mapping[str, Tensor]]] = []
        self.terms: dict[str, list[float]] = {}  # what was read since the last row
        self.phase = ""  # of the last update that was read
        self.first: dict[str, float] = {}

    def add(self, step: int, phase: str, values: Mapping[str, Tensor]) -> None:
        """Records the terms of one update."""
        self.pending.append((step, phase, {name: value.detach() for name, value in values.items()}))

    def latest(self) -> dict[str, float]:
        """The terms of the last step, without reading those before; the last of a phase that is repeated."""
        last = self.pending[-1][0] if self.pending else -1
        found = {f"{phase}/{k}": v for step, phase, values in self.pending if step == last for k, v in values.items()}
        numbers = torch.stack(list(found.values())).cpu().double().tolist() if found else []
        return dict(zip(found, numbers, strict=True))

    def read(self) -> dict[str, float]:
        """The mean of every term since the last call; errors as for :meth:`collect`."""
        self.collect()
        terms, self.terms = self.terms, {}
        return {name: sum(values) / len(values) for name, values in terms.items()}

    def kept(self) -> tuple[dict[str, Tensor], list[str]]:
        """The terms that were collected since the last row, for a checkpoint, and their names in order."""
        terms = {f"log/{name}": torch.tensor(values, dtype=torch.float64) for name, values in self.terms.items()}
        return terms, list(self.terms)

    def restore(self, tensors: Mapping[str, Tensor], scalars: Mapping[str, Any]) -> None:
        """Takes back what :meth:`kept` gave, so that the next row is that of a training that was never stopped."""
        self.terms = {name: tensors[f"log/{name}"].tolist() for name in scalars.get("log", ())}

    def collect(self) -> None:
        """Reads the terms of all updates so far from the device.

        Raises:
            RunError: a term is not finite. The message names the first such step, its phase and term, and the phase of
                the preceding update, which may have corrupted the weights. Raised on all processes, because one
                non-finite value makes the mean over processes non-finite.
        """
        keys = [(step, phase, name) for step, phase, values in self.pending for name in values]
        tensors = [value for *_, values in self.pending for value in values.values()]
        self.pending.clear()
        numbers = self.engine.mean(torch.stack(tensors)).cpu().double().tolist() if tensors else []
        before = self.phase
        for (step, phase, name), number in zip(keys, numbers, strict=True):
            if phase != self.phase:
                before, self.phase = self.phase, phase
            if not math.isfinite(number):
                after = f", after an update of phase {before!r}" if before not in ("", phase) else ""
                raise RunError(f"the term {name!r} of phase {phase!r} became {number} in step {step + 1}{after}")
            self.terms.setdefault(f"{phase}/{name}", []).append(number)
            if step == 0:
                self.first[f"{phase}/{name}"] = number


class Bar:
    """Step, share, time left and the main loss, and more where there is room.

    On a terminal a bar, kept up to date several times a second; otherwise lines, the first after three seconds, the
    others after twice as long each, at least every five minutes, and at every validation.

    Arguments:
        state: the state whose step and seconds are shown; its seconds are updated.
        steps: the last step.
        batch: size of the global batch.
        unit: what an example is called, in the plural.
        show: whether to print anything.
    """

    def __init__(self, state: State, steps: int, batch: int, unit: str, show: bool) -> None:
        console = Console(stderr=True)
        self.state, self.steps, self.batch, self.unit = state, steps, batch, unit
        self.visible, self.console = show, console
        self.lined = show and not console.is_terminal
        columns = BarColumn(BAR), TextColumn("{task.description}")
        self.bar = Progress(*columns, console=console, disable=not show or self.lined)
        self.terms: dict[str, float] = {}
        self.speed, self.due, self.wait = 0.0, math.inf, WAITS[0]

    def __enter__(self) -> Bar:
        self.bar.start()
        self.then, self.last, self.spent = time.perf_counter(), self.state.step, 0.0
        self.began, self.begun = self.then, self.state.step
        self.task = self.bar.add_task(self.line(), total=self.steps, completed=self.state.step)
        if self.visible:
            self.due = self.then + (self.wait if self.lined else OFTEN)
        return self

    def __exit__(self, *args: object) -> None:
        self.bar.stop()

    def measure(self) -> dict[str, float]:
        """The throughput since the last call in examples per second, and the total time in seconds."""
        self.pause()
        elapsed, steps = self.spent, self.state.step - self.last
        self.last, self.spent = self.state.step, 0.0
        return {"samples_per_s": steps * self.batch / elapsed, "seconds": self.state.seconds}

    def pause(self) -> None:
        """Counts the time since the last measurement as spent on steps."""
        self.spent += self._elapse()

    def resume(self) -> None:
        """Excludes the time since the last measurement (validating, saving, drawing) from the next throughput."""
        self._elapse()

    def _elapse(self) -> float:
        then, self.then = self.then, time.perf_counter()
        self.state.seconds += self.then - then
        return self.then - then

    def tick(self, latest: Callable[[], Mapping[str, float]]) -> None:
        """After a step: shows it if it is time, with the ``latest`` terms before there is a row."""
        if time.perf_counter() >= self.due:
            self.terms = self.terms or dict(latest())
            self._shown()

    def show(self, row: Mapping[str, Any]) -> None:
        """Shows a row of the log."""
        self.terms |= {name: value for name, value in row.items() if "/" in name}
        self.speed = row["samples_per_s"]
        if self.visible and (not self.lined or "validation/loss" in row):
            self._shown()

    def _shown(self) -> None:
        if self.lined:
            self.console.print(self.line(), soft_wrap=True, highlight=False)
            self.wait = min(2 * self.wait, WAITS[1])
        else:
            self.bar.update(self.task, completed=self.state.step, description=self.line(self.console.width - BAR - 1))
        self.due = time.perf_counter() + (self.wait if self.lined else OFTEN)

    def line(self, width: int | None = None) -> str:
        """What is shown: as many words as fit into ``width`` characters, in the order of their weight."""
        step = self.state.step
        parts = [f"step {step:,} of {self.steps:,}", f"{step / self.steps:.0%}", self._left(), *self._words()]
        line = "  ".join(filter(None, parts[:4]))
        for part in parts[4:]:
            longer = f"{line}  {part}"
            line = longer if width is None or len(longer) <= width else line
        return line

    def _left(self) -> str:
        done = self.state.step - self.begun
        if not done:
            return ""
        seconds = (time.perf_counter() - self.began) / done * (self.steps - self.state.step)
        return f"{timedelta(seconds=round(seconds))} left"

    def _words(self) -> list[str]:
        """The main loss, the validation loss, the speed, and all other terms."""
        names = sorted(self.terms, key=lambda name: (not name.endswith("/reconstruction"), name.startswith("valid")))
        main = [name for name in ("validation/loss",) if name in self.terms]
        ordered = dict.fromkeys([*names[:1], *main, *names])
        words = [f"{name.removeprefix('autoencoder/')} {self.terms[name]:.4g}" for name in ordered]
        speed = [f"{self.speed:,.0f} {self.unit}/s"] if self.speed else []
        return [*words[: 1 + len(main)], *speed, *words[1 + len(main) :]]
