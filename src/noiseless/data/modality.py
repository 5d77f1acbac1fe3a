"""The kinds of data: images, vectors, strings. What the rooms below a trained model ask of one.

Everything that depends on the kind of data belongs to one object in :mod:`noiseless.modalities`. :func:`of` finds it by
name, so that no room below has to import it. :class:`DataKind` is one of the abstract classes that such an object
implements; each of them stands in the lowest room that asks for its methods.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from torch import Tensor

from noiseless import registry
from noiseless.errors import InputError
from noiseless.values import Spec

__all__ = ["DataKind", "check_finite", "of"]


class DataKind(ABC):
    """A kind of data as it is stored and given.

    Attributes:
        unit: what the progress line counts.
        example: a named data set of the kind, for examples in help texts.
        features: the built-in features under which distances can be measured, the default first; none where data are
            evaluated without features.
        pixels: whether a datum is an image: values in [0, 1] along two axes.
        discrete: whether a datum is a sequence of tokens rather than of numbers.
    """

    unit: ClassVar[str]
    example: ClassVar[str]
    features: ClassVar[tuple[str, ...]]
    pixels: ClassVar[bool]
    discrete: ClassVar[bool]

    @abstractmethod
    def described(self, spec: Spec) -> str:
        """The kind and the shape in words, such as "images of 1x8x8"."""

    @abstractmethod
    def arranged(self, raw: Tensor, spec: Spec) -> Tensor:
        """Data given to a model, as they are stored: axes in the order of ``spec``, numbers in the stored type.

        What cannot be told apart is left as it is, for :meth:`check` to refuse.
        """

    @abstractmethod
    def check(self, raw: Tensor, spec: Spec) -> None:
        """Refuses values that data of the shape of ``spec`` cannot have.

        Raises:
            InputError: numbers that are not finite, out of range or of another type.
        """

    @abstractmethod
    def read(self, source: str, spec: Spec) -> np.ndarray | None:
        """The rows of a file that only a model of such data can read; None where ``source`` names none."""


def of(spec: Spec) -> DataKind:
    """The kind of data that ``spec`` describes."""
    found: DataKind = registry.modality(spec.modality)
    return found


def check_finite(raw: Tensor) -> None:
    """Refuses infinities and NaN in floating-point data, and what becomes infinite in float32."""
    large = raw.isfinite() & ~raw.float().isfinite()
    if large.any():
        raise InputError(f"{int(large.flatten(1).any(1).sum())} of {len(raw)} data are too large for float32")
    if not raw.isfinite().all():
        raise InputError(f"{int((~raw.flatten(1).isfinite()).any(1).sum())} of {len(raw)} data are not finite")
