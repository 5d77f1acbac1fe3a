"""The terms of an objective on the validation split."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from noiseless.data import Data
from noiseless.errors import RunError
from noiseless.nn.distributed import single_process
from noiseless.objectives.objective import Objective
from noiseless.training.engine import Engine
from noiseless.training.feed import mix
from noiseless.training.settings import Training
from noiseless.training.stream import BatchStream
from noiseless.values import Batch, Noise

__all__ = ["StreamValidation", "Validation", "layout_for"]


def layout_for(network: nn.Module) -> Callable[[Tensor], Tensor]:
    """A function that converts a batch to the dtype and memory layout of the network's weights."""
    dtype = next(network.parameters()).dtype

    def layout(x: Tensor) -> Tensor:
        x = x.to(dtype) if x.dtype != dtype else x
        return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x

    return layout


class Validation:
    """The terms of an objective on the validation split.

    The batches are the same on any number of processes, which share a batch if they can divide it evenly, and otherwise
    each take all of it. So are the noise and therefore the values.
    """

    def __init__(self, data: Data, training: Training, engine: Engine, device: torch.device) -> None:
        self.data, self.seed, self.engine, self.device = data, training.seed, engine, device
        self.batches = batches(len(data.validation), cast(int, training.batch))

    @torch.no_grad()
    def __call__(self, objective: Objective) -> dict[str, float]:
        """The mean of every term, their sum as ``validation/loss``, and the means of the diagnostics.

        Raises:
            RunError: a term is not finite.
        """
        objective.eval()
        layout = layout_for(objective)
        terms, diagnostics = _Means(len(self.data.validation)), _Means(len(self.data.validation))
        for k, batch in enumerate(self.batches):
            rank, world = self.engine.rank, self.engine.world
            if alone := len(batch) % world != 0:
                rank, world = 0, 1
            mine, seed = np.split(batch, world)[rank], mix(self.seed, -1, k)
            x, index = layout(self._inputs(mine)), torch.from_numpy(mine).to(self.device)
            with single_process() if alone else contextlib.nullcontext():
                terms.add(objective.validate(Batch(x, index, None, Noise(seed, rank, world))), len(batch))
                noise = Noise(seed, rank, world)
                diagnostics.add(objective.diagnostics(Batch(x, index, None, noise)), len(batch))
        objective.train()
        found = terms.over_processes(self.engine)
        return found | {"validation/loss": sum(found.values())} | diagnostics.over_processes(self.engine)

    def _inputs(self, mine: np.ndarray) -> Tensor:
        return self.data.spec.normalise(torch.from_numpy(self.data.validation.take(mine)).to(self.device))


def batches(count: int, size: int) -> list[np.ndarray]:
    """The numbers from 0 to ``count`` in batches of ``size``; the last two share what is left, so that none is tiny.

    >>> [len(batch) for batch in batches(161, 50)]
    [50, 50, 31, 30]
    """
    full = max(0, count // size - 1) if count % size else count // size
    rest = np.arange(full * size, count)
    return [
        *np.arange(full * size).reshape(full, size),
        *(np.array_split(rest, -(-len(rest) // size)) if len(rest) else ()),
    ]


class _Means:
    """Means of named values over batches, each over the examples of those batches that contain it."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}

    def add(self, values: Mapping[str, Tensor], count: int) -> None:
        """Adds the means over a batch of ``count`` examples."""
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0) + count / self.total * value
            self.counts[name] = self.counts.get(name, 0) + count

    def over_processes(self, engine: Engine) -> dict[str, float]:
        """The means, named ``validation/NAME``.

        Raises:
            RunError: one of them is not finite.
        """
        if not self.sums:
            return {}
        sums = [value * (self.total / self.counts[name]) for name, value in self.sums.items()]
        means = engine.mean(torch.stack(sums)).cpu().double().tolist()
        for name, value in zip(self.sums, means, strict=True):
            if not math.isfinite(value):
                raise RunError(f"the term {name!r} became {value} in validation")
        return {f"validation/{name}": value for name, value in zip(self.sums, means, strict=True)}


class StreamValidation(Validation):
    """The terms of an objective on batches of your own, each process on its own; see :class:`BatchStream`."""

    def __init__(self, stream: BatchStream, training: Training, engine: Engine, device: torch.device) -> None:
        self.stream, self.seed, self.engine = stream, training.seed, engine
        stream.device = device

    @torch.no_grad()
    def __call__(self, objective: Objective) -> dict[str, float]:
        """As for a data set."""
        objective.eval()
        layout, terms, diagnostics = layout_for(objective), _Means(1), _Means(1)
        for k, inputs in enumerate(self.stream.once()):
            x = layout(inputs)
            terms.add(
                objective.validate(Batch(x, noise=Noise(mix(self.seed, -1, k), self.engine.rank, self.engine.world))),
                len(x),
            )
            diagnostics.add(
                objective.diagnostics(
                    Batch(x, noise=Noise(mix(self.seed, -1, k), self.engine.rank, self.engine.world))
                ),
                len(x),
            )
        objective.train()
        found = terms.over_processes(self.engine)
        return found | {"validation/loss": sum(found.values())} | diagnostics.over_processes(self.engine)
