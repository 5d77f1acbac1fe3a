r"""A set of examples as the metrics see it: one row of features, and optionally of class scores, per example.

Every metric is a function of two samples. Much of its work concerns one of them only, and the real one is the same for
all rows of a table, so a sample caches what has been derived from it: ``sample.once(moments)`` computes the moments on
the first call and returns the same object afterwards. The cache has the lifetime of the sample, which is immutable, so
it cannot go stale.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, TypeVarTuple

import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from noiseless.errors import InputError
from noiseless.files import read_checked, write_checked

__all__ = ["Sample"]

T = TypeVar("T")
Options = TypeVarTuple("Options")


@dataclass(frozen=True, eq=False)
class Sample:
    r"""Features of a set of examples.

    >>> sample = Sample(torch.ones(5, 3))
    >>> sample.n, sample.size, sample.once(lambda s: float(s.features.sum()))
    (5, 3, 15.0)

    Arguments:
        features: :math:`n` rows of :math:`f` finite numbers, float32, on the CPU.
        logits: :math:`n` rows of unnormalised log probabilities of :math:`k` classes; None if the features have no
            classes.

    Raises:
        InputError: a feature or logit is infinite or not a number, or the numbers of rows differ.
    """

    features: Float[Tensor, "n f"]
    logits: Float[Tensor, "rows k"] | None = None  # rows equals n: checked below, for a better message
    _kept: dict[Hashable, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        _check("features", self.features)
        if self.logits is not None:
            _check("logits", self.logits)
            if len(self.logits) != self.n:
                raise InputError(
                    f"{self.n} rows of features but {len(self.logits)} of logits; give one of each per example"
                )

    @property
    def n(self) -> int:
        """The number of examples."""
        return self.features.shape[0]

    @property
    def size(self) -> int:
        """The number of features per example."""
        return self.features.shape[1]

    def once(self, work: Callable[[Sample, *Options], T], *options: *Options) -> T:
        """``work(self, *options)``, computed at most once for each ``work`` and its options."""
        key = (work, options)
        if key not in self._kept:
            self._kept[key] = work(self, *options)
        kept: T = self._kept[key]
        return kept

    @classmethod
    def join(cls, parts: Iterable[Sample]) -> Sample:
        """The concatenation of the parts.

        Raises:
            InputError: there are no parts, or only some have logits.
        """
        parts = list(parts)
        if not parts:
            raise InputError("the set to evaluate is empty; give at least one example")
        logits = [part.logits for part in parts if part.logits is not None]
        if len(logits) not in (0, len(parts)):
            raise InputError(
                "some parts of the sample have class scores and others none; use the same features for all"
            )
        return cls(torch.cat([part.features for part in parts]), torch.cat(logits) if logits else None)

    def save(self, path: Path) -> None:
        """Writes the sample to a file with a checksum, atomically."""
        tensors = {"features": self.features.contiguous()}
        if self.logits is not None:
            tensors["logits"] = self.logits.contiguous()
        write_checked(path, [save(tensors)])

    @classmethod
    def load(cls, path: Path) -> Sample:
        """Reads what :meth:`save` wrote.

        Raises:
            InputError: the file is missing, damaged, or of another format.
        """
        try:
            tensors = load(bytes(read_checked(path)))
            return cls(tensors["features"], tensors.get("logits"))
        except (InputError, SafetensorError, KeyError) as error:
            raise InputError(f"{path} cannot be read as a sample of features ({error}); remove it") from error


def _check(name: str, rows: Tensor) -> None:
    """Refuses everything but a finite float32 matrix on the CPU."""
    if rows.ndim != 2 or rows.dtype != torch.float32 or rows.device.type != "cpu":
        given = f"{tuple(rows.shape)} of {rows.dtype} on {rows.device}"
        raise InputError(f"{name} must be float32 rows on the CPU, one per example, not {given}")
    broken = int(rows.isfinite().logical_not_().any(dim=1).sum())
    if broken:
        raise InputError(f"{broken} of {len(rows)} examples have {name} that are infinite or not a number")
