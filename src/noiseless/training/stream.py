"""Batches from an iterable of your own, such as a torch ``DataLoader``, in place of a split of :class:`Data`.

A batch is a tensor, a pair whose first part is one (the label is not used), a dictionary with one tensor besides
labels, or a :class:`~noiseless.values.Batch`. Batches are drawn in the order in which the iterable gives them, from its
beginning again when it ends. What it gives is its own affair: a run that is resumed draws from its beginning, and is
therefore not the run that was never stopped, bit for bit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sized
from typing import Any

import numpy as np
import torch
from torch import Tensor

from noiseless.data import intensities
from noiseless.data.items import to_numpy, to_tensor
from noiseless.errors import InputError
from noiseless.values import Batch, Spec

__all__ = ["BatchStream"]


class BatchStream:
    """Batches of an iterable, drawn as the loop asks for them.

    Arguments:
        batches: iterated again from its beginning whenever it ends; an iterator is used up when it ends.
        spec: how batches in the units of the data are normalised; without it they are network inputs already, but for
            images in uint8, which are divided by 255.

    Attributes:
        batch: the data in the first batch.
        recent: the last batches that were drawn, as many as :attr:`Training.recalibrate` asks for.

    Raises:
        InputError: there are no batches, or the first is none.
    """

    def __init__(self, batches: Iterable[Any], spec: Spec | None = None) -> None:
        self.batches, self.spec, self.device = batches, spec, torch.device("cpu")
        self.source = iter(batches)
        self.waiting: Tensor | None = self._drawn(step=0)
        self.batch = len(self.waiting)
        self.slots: tuple[int, dict[int, Tensor]] = (-1, {})
        self.recent: deque[Tensor] = deque(maxlen=0)

    @property
    def described(self) -> str:
        """What the iterable is, without a value of its."""
        kind = type(self.batches)
        return f"a {kind.__module__.partition('.')[0]} {kind.__name__}, {self.batch} data in its first batch"

    @property
    def per_epoch(self) -> int | None:
        """How many batches there are, where the iterable says so."""
        return len(self.batches) if isinstance(self.batches, Sized) else None

    def __call__(self, step: int, slot: int) -> tuple[Tensor, Tensor]:
        """The batch of a slot of a step, as :class:`~noiseless.training.feed.BatchLoader` gives it."""
        if self.slots[0] != step:
            self.slots = step, {}
        if slot not in self.slots[1]:
            self.slots[1][slot] = self._next(step)
            self.recent.append(self.slots[1][slot])
        x = self.normalised(self.slots[1][slot])
        return x, torch.arange(len(x), device=self.device)

    def once(self) -> Iterator[Tensor]:
        """Network inputs, from the beginning to the end.

        Raises:
            InputError: the iterable is an iterator, which can be used only once.
        """
        if iter(self.batches) is self.batches:
            raise InputError(
                f"validation batches are iterated at every validation, and a {type(self.batches).__name__} can be "
                "iterated once; give a DataLoader or a list"
            )
        return (self.normalised(_data(batch)) for batch in self.batches)

    def normalised(self, raw: Tensor) -> Tensor:
        """A batch as network inputs, on the device.

        Raises:
            InputError: it has another shape than the data.
        """
        raw = raw.to(self.device, non_blocking=True)
        if self.spec is None:
            return raw.float() / 255 if raw.dtype == torch.uint8 and raw.ndim == 4 else raw.float()
        if raw.shape[1:] != self.spec.shape:
            expected = ", ".join(map(str, self.spec.shape))
            raise InputError(f"a batch has shape {tuple(raw.shape)}; expected (B, {expected}), as the data have")
        return self.spec.normalise(raw)

    def _next(self, step: int) -> Tensor:
        waiting, self.waiting = self.waiting, None
        return self._drawn(step) if waiting is None else waiting

    def _drawn(self, step: int) -> Tensor:
        found = next(self.source, None)
        if found is None:
            self.source = iter(self.batches)
            found = next(self.source, None)
        if found is None:
            raise InputError(
                f"the {type(self.batches).__name__} has no more batches in step {step + 1}; give something that can be "
                "iterated again, such as a DataLoader, or fewer steps"
            )
        return _data(found)


def _data(batch: object) -> Tensor:
    """The data of a batch without its labels.

    Raises:
        InputError: it has no tensor, or several; says of what types and shapes it is.
    """
    if isinstance(batch, Batch):
        return batch.x
    if isinstance(batch, tuple | list) and batch and isinstance(batch[0], Tensor | np.ndarray):
        batch = batch[0]
    if isinstance(batch, Mapping):
        tensors = {key: value for key, value in batch.items() if isinstance(value, Tensor | np.ndarray)}
        wide = {key: value for key, value in tensors.items() if value.ndim > 1} if len(tensors) > 1 else tensors
        batch = next(iter(wide.values())) if len(wide) == 1 else batch
    if isinstance(batch, Tensor | np.ndarray) and batch.ndim > 1 and len(batch):
        return _stored(to_tensor(batch, "the data of a batch"))
    raise InputError(
        f"a batch is {_described(batch)}; expected a tensor (B, ...), a pair of one and a label, or a dictionary "
        "with one tensor"
    )


def _stored(x: Tensor) -> Tensor:
    """Images in whole numbers by the rule for all images; floats are taken as they are."""
    if x.ndim != 4 or x.is_floating_point():
        return x
    return torch.from_numpy(intensities.stored("a batch", to_numpy(x), whole=False))


def _described(batch: object) -> str:
    """Types and shapes, and no value."""
    if isinstance(batch, Tensor | np.ndarray):
        return f"of shape {tuple(batch.shape)} in {batch.dtype}"
    if isinstance(batch, Mapping):
        return f"a dictionary of {', '.join(f'{key}: {_described(value)}' for key, value in batch.items())}"
    if isinstance(batch, tuple | list):
        return f"a {type(batch).__name__} of {', '.join(_described(value) for value in batch[:4])}"
    return f"a {type(batch).__name__}"
