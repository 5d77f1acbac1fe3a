"""The terms of an objective on the validation split."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping
from typing import cast

import numpy as np
import torch
from torch import Tensor

from noiseless.data import Data
from noiseless.errors import RunError
from noiseless.nn.distributed import single_process
from noiseless.objectives.objective import Objective, Watched
from noiseless.training.engine import Engine
from noiseless.training.feed import mix
from noiseless.training.settings import Training
from noiseless.values import Batch, Noise

__all__ = ["Validation", "layout_for"]


def layout_for(objective: Objective) -> Callable[[Tensor], Tensor]:
    """A function that converts a batch to the dtype and memory layout of the objective's weights."""
    dtype = next(objective.parameters()).dtype

    def layout(x: Tensor) -> Tensor:
        x = x.to(dtype) if x.dtype != dtype else x
        return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x

    return layout


class Validation:
    """The terms of an objective on the validation split; batches are divided evenly among processes."""

    def __init__(self, data: Data, training: Training, engine: Engine, device: torch.device) -> None:
        self.data, self.seed, self.engine, self.device = data, training.seed, engine, device
        rank, world, count = engine.rank, engine.world, len(data.validation)
        shared = np.arange(count - count % world).reshape(-1, world)
        batches = np.array_split(shared, max(1, -(-shared.size // cast(int, training.batch))))
        self.shares = [batch.reshape(world, -1)[rank] for batch in batches if batch.size]
        self.rest = np.arange(shared.size, count)  # fewer examples than processes: every process takes all of them

    @torch.no_grad()
    def __call__(self, objective: Objective) -> dict[str, float]:
        """The mean of every term, their sum as ``validation/loss``, and the means of the diagnostics.

        Raises:
            RunError: a term is not finite.
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
                ):  # if gathered, examples would be coupled with their own copies
                    found = values(self._batch(k, mine, layout))
                for name, value in found.items():
                    sums[name] = sums.get(name, 0) + count / len(self.data.validation) * value
                    counts[name] = counts.get(name, 0) + count
        sums = {name: value * (len(self.data.validation) / counts[name]) for name, value in sums.items()}
        means = self.engine.mean(torch.stack(list(sums.values()))).cpu().double().tolist()
        for name, value in zip(sums, means, strict=True):
            if not math.isfinite(value):
                raise RunError(f"the term {name!r} became {value} in validation")
        return {f"validation/{name}": value for name, value in zip(sums, means, strict=True)}

    def _batch(self, k: int, mine: np.ndarray, layout: Callable[[Tensor], Tensor]) -> Batch:
        x = self.data.spec.normalise(torch.from_numpy(self.data.validation.take(mine)).to(self.device))
        noise = Noise(mix(self.seed, -1, k), self.engine.rank, self.engine.world)
        return Batch(layout(x), torch.from_numpy(mine).to(self.device), None, noise)
