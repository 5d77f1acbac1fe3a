"""The processes that share a run: the only module that uses Accelerate.

Accelerate starts processes, assigns devices and handles trackers. The inner loop is plain torch, because wrapping would
cost a small model half of its step time: gradients are averaged in one all-reduce, and losses are not wrapped at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from accelerate import Accelerator, PartialState
from torch import Tensor, nn

from noiseless.errors import RunError
from noiseless.nn.distributed import is_single_process
from noiseless.training.settings import Training, best_device, check_device

__all__ = ["Engine"]

PATIENCE = timedelta(hours=3)
"""How long a process waits for another. Decoding a large data set takes the first process up to this long."""


class Engine:
    """Communication between the processes of a run.

    In a single process, or inside :func:`~noiseless.nn.distributed.single_process`, all operations are the identity.

    Arguments:
        device: as in :class:`~noiseless.training.settings.Training`.

    Attributes:
        rank, world: the index of this process, and the number of processes.
    """

    def __init__(self, device: str = "auto") -> None:
        chosen = device if device != "auto" else best_device()
        check_device(chosen)
        self.rank, self.world, self._device = 0, 1, torch.device(chosen)
        if not is_single_process():
            state = PartialState(cpu=chosen == "cpu", timeout=PATIENCE)
            self.rank, self.world, self._device = state.process_index, state.num_processes, state.device

    @property
    def main(self) -> bool:
        """Whether this is the first process, which writes the run."""
        return self.rank == 0

    def place(self, device: str) -> torch.device:
        """The device of this process, of the same kind as ``device``."""
        return self._device if self.world > 1 else torch.device(device)

    @contextmanager
    def main_first(self) -> Iterator[None]:
        """Runs the block on the first process before the others; if it fails there, all processes fail.

        Raises:
            RunError: on the other processes, if the block failed on the first.
        """
        if not self.main and self.any(False):
            raise RunError("the first process failed; its message says why")
        try:
            yield
        except BaseException:
            if self.main:
                self.any(True)
            raise
        if self.main:
            self.any(False)

    def any(self, flag: bool) -> bool:
        """Whether ``flag`` is set on any process."""
        return (self.world > 1 and bool(self._sum(torch.tensor(float(flag))) > 0)) or flag

    def mean(self, values: Tensor) -> Tensor:
        """The mean over processes."""
        return self._sum(values) / self.world if self.world > 1 else values

    def share(self, values: Tensor) -> None:
        """Replaces ``values`` by those of the first process."""
        if self.world > 1 and values.numel():
            sent = values.clone(memory_format=torch.contiguous_format).view(-1)
            dist.broadcast(sent.view(torch.uint8), 0)  # as bytes, because gloo does not support all types
            values.copy_(sent.view(values.shape))

    def average_gradients(self, parameters: list[nn.Parameter]) -> None:
        """Replaces gradients by their mean over processes, in one all-reduce."""
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = self.mean(torch.cat([g.reshape(-1) for g in gradients]))
        for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view(gradient.shape))

    def _sum(self, values: Tensor) -> Tensor:
        total = values.to(self._device)
        dist.all_reduce(total)
        return total


@contextmanager
def tracking(training: Training, directory: Path | None) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Yields a function that sends a row of numbers to the trackers, which are closed when the block ends."""
    if not training.track:
        yield lambda row: None  # noqa: ARG005
        return
    accelerator = Accelerator(log_with=list(training.track), project_dir=directory)
    settings = {k: v for k, v in vars(training).items() if isinstance(v, int | float | str)}
    accelerator.init_trackers("noiseless", config=settings)
    try:
        yield lambda row: accelerator.log(_numbers(row), step=row["step"])
    finally:
        for tracker in accelerator.trackers:
            tracker.finish()


def _numbers(row: dict[str, Any]) -> dict[str, int | float]:
    """The entries that every tracker accepts."""
    return {key: value for key, value in row.items() if isinstance(value, int | float)}
