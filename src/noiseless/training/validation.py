"""The terms of an objective on the validation part."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping
from typing import cast

import numpy as np
import torch
from torch import Tensor

from noiseless.data import Data
from noiseless.errors import InputError, RunError
from noiseless.nn.distributed import single_process
from noiseless.objectives.objective import Objective, Watched
from noiseless.training.engine import Engine
from noiseless.training.feed import mix
from noiseless.training.settings import Training
from noiseless.training.stream import BatchStream
from noiseless.values import Batch, Noise

__all__ = ["StreamValidation", "Validation", "layout_for"]


def layout_for(objective: Objective) -> Callable[[Tensor], Tensor]:
    """What brings a batch into the type and memory layout of the objective's weights."""
    dtype = next(objective.parameters()).dtype

    def layout(x: Tensor) -> Tensor:
        x = x.to(dtype) if x.dtype != dtype else x
        return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x

    return layout


class Validation:
    """The terms of an objective on the validation part: each process takes its share of even batches."""

    def __init__(self, data: Data, training: Training, engine: Engine, device: torch.device) -> None:
        self.data, self.seed, self.engine, self.device = data, training.seed, engine, device
        rank, world, count = engine.rank, engine.world, len(data.validation)
        shared = np.arange(count - count % world).reshape(-1, world)
        batches = np.array_split(shared, max(1, -(-shared.size // cast(int, training.batch))))
        self.shares = [batch.reshape(world, -1)[rank] for batch in batches if batch.size]
        self.rest = np.arange(shared.size, count)  # fewer than processes: all take them all

    @torch.no_grad()
    def __call__(self, objective: Objective) -> dict[str, float]:
        """The mean of every term, their sum as `validation/loss`, and the means of what is only watched.

        Raises:
            RunError: one of them is not finite.
        """
        objective.eval()
        layout = layout_for(objective)
        terms = self._means(objective.validate, layout)
        watched = self._means(objective.diagnostics, layout) if isinstance(objective, Watched) else {}
        objective.train()
        return terms | {"validation/loss": sum(terms.values())} | watched

    def _means(
        self, values: Callable[[Batch], Mapping[str, Tensor]], layout: Callable[[Tensor], Tensor]
    ) -> dict[str, float]:
        sums: dict[str, Tensor] = {}
        counts: dict[str, int] = {}
        for k, mine in enumerate([*self.shares, self.rest]):
            if len(mine):
                rest = mine is self.rest
                count = len(mine) * (1 if rest else self.engine.world)
                with (
                    single_process() if rest else contextlib.nullcontext()
                ):  # gathered, each datum would meet its own copies
                    found = values(self._batch(k, mine, layout))
                for name, value in found.items():
                    sums[name] = sums.get(name, 0) + count / len(self.data.validation) * value
                    counts[name] = counts.get(name, 0) + count
        return self._read({name: value * (len(self.data.validation) / counts[name]) for name, value in sums.items()})

    def _read(self, mine: Mapping[str, Tensor]) -> dict[str, float]:
        """The means over processes of what each has found."""
        means = self.engine.mean(torch.stack(list(mine.values()))).cpu().double().tolist()
        for name, value in zip(mine, means, strict=True):
            if not math.isfinite(value):
                raise RunError(f"the term {name!r} became {value} in validation")
        return {f"validation/{name}": value for name, value in zip(mine, means, strict=True)}

    def _batch(self, k: int, mine: np.ndarray, layout: Callable[[Tensor], Tensor]) -> Batch:
        x = self.data.spec.normalise(torch.from_numpy(self.data.validation.take(mine)).to(self.device))
        noise = Noise(mix(self.seed, -1, k), self.engine.rank, self.engine.world)
        return Batch(layout(x), torch.from_numpy(mine).to(self.device), None, noise)


class StreamValidation(Validation):
    """The terms of an objective on batches of your own, each process on its own; see :class:`BatchStream`."""

    def __init__(self, stream: BatchStream, training: Training, engine: Engine, device: torch.device) -> None:
        self.stream, self.seed, self.engine = stream, training.seed, engine
        stream.device = device

    def _means(
        self, values: Callable[[Batch], Mapping[str, Tensor]], layout: Callable[[Tensor], Tensor]
    ) -> dict[str, float]:
        sums: dict[str, Tensor] = {}
        counts: dict[str, int] = {}
        for k, x in enumerate(self.stream.once()):
            noise = Noise(mix(self.seed, -1, k), self.engine.rank, self.engine.world)
            for name, value in values(Batch(layout(x), noise=noise)).items():
                sums[name] = sums.get(name, 0) + len(x) * value
                counts[name] = counts.get(name, 0) + len(x)
        if not sums:
            raise InputError("the validation batches are used up; give something that can be iterated again")
        return self._read({name: value / counts[name] for name, value in sums.items()})
