"""Progress of training: values of the loss terms, throughput, remaining time."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from noiseless.errors import RunError
from noiseless.training.engine import Engine
from noiseless.training.state import State

__all__ = ["Bar", "Log"]


class Log:
    """Values of the loss terms, kept on the device until they are read together.

    Arguments:
        engine: the processes over which values are averaged.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.pending: list[tuple[int, str, Mapping[str, Tensor]]] = []
        self.terms: dict[str, list[float]] = {}  # what was read since the last row
        self.phase = ""  # of the last update that was read

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


class Bar:
    """Throughput, remaining time and all terms: a progress bar on a terminal, otherwise one line per validation.

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
        self.bar = Progress(
            TextColumn("step"),
            MofNCompleteColumn(),
            BarColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[terms]}"),
            console=console,
            disable=not (show and console.is_terminal),
        )

    def __enter__(self) -> Bar:
        self.bar.start()
        self.task = self.bar.add_task("", total=self.steps, completed=self.state.step, terms="")
        self.then, self.last, self.spent = time.perf_counter(), self.state.step, 0.0
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

    def show(self, row: Mapping[str, Any]) -> None:
        """Updates the bar."""
        names = (k for k in row if "/" in k)
        terms = "  ".join(f"{name.removeprefix('autoencoder/')} {row[name]:.4g}" for name in names)
        text = f"{row['samples_per_s']:,.0f} {self.unit}/s  {terms}"
        self.bar.update(self.task, completed=self.state.step, terms=text)
        if self.visible and self.bar.disable and "validation/loss" in row:
            self.console.print(f"step {self.state.step:,} of {self.steps:,}  {text}", soft_wrap=True, highlight=False)
