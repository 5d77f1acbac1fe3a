"""Batches of the training split, each a function of (seed, step, slot)."""

from __future__ import annotations

import hashlib
import os

import numpy as np
import torch
from torch import Tensor

from noiseless.data import Split
from noiseless.values import Spec

__all__ = ["BatchLoader", "mix"]

GUESS = 4 << 30


def mix(*numbers: int) -> int:
    """A 63-bit seed derived from several numbers."""
    digest = hashlib.blake2b(repr(numbers).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


class BatchLoader:
    """Batches of a split; the data are stored on the device if they fit, and gathered by index and normalised there.

    Arguments:
        split: the data, at least one batch.
        spec: defines the normalisation.
        batch: size of the global batch, a multiple of ``world``.
        seed: seeds the order, which is a new permutation for every epoch and phase.
        device: the device of the batches.
        rank, world: the index of this process, and the number of processes among which each batch is divided.
    """

    def __init__(
        self, split: Split, spec: Spec, batch: int, seed: int, device: torch.device, rank: int = 0, world: int = 1
    ) -> None:
        self.split, self.spec, self.batch, self.seed, self.device = split, spec, batch, seed, device
        self.per_epoch, self.share = len(split) // batch, slice(rank * batch // world, (rank + 1) * batch // world)
        self.resident = self._load() if _fits(split, device) else None
        self.orders: dict[int, tuple[int, Tensor]] = {}

    def _load(self) -> Tensor:
        raw = torch.from_numpy(self.split.take(np.arange(len(self.split)))).to(self.device)
        return raw if raw.dtype == torch.uint8 else self.spec.normalise(raw)

    def __call__(self, step: int, slot: int) -> tuple[Tensor, Tensor]:
        """The batch of a step and slot (phase and repeat): data and indices."""
        epoch, k = divmod(step, self.per_epoch)
        index = self._order(slot, epoch)[k * self.batch : (k + 1) * self.batch][self.share]
        if self.resident is None:
            raw = torch.from_numpy(self.split.take(index.cpu().numpy())).to(self.device, non_blocking=True)
            return self.spec.normalise(raw), index
        x = self.resident.index_select(0, index)
        return (self.spec.normalise(x) if x.dtype == torch.uint8 else x), index

    def _order(self, slot: int, epoch: int) -> Tensor:
        if self.orders.get(slot, (-1,))[0] != epoch:
            generator = torch.Generator().manual_seed(mix(self.seed, slot, epoch))
            self.orders[slot] = (epoch, torch.randperm(len(self.split), generator=generator).to(self.device))
        return self.orders[slot][1]


def _fits(split: Split, device: torch.device) -> bool:
    size = split.raw[:1].nbytes * len(split)
    if device.type == "cuda":
        return size < torch.cuda.mem_get_info(device)[0] // 2
    return size < _free_memory() // 2


def _free_memory() -> int:
    """Bytes of memory that are free; a guess where the system does not say, as macOS and Windows do not."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return GUESS
