"""What a model's codes are decoded to for a user, by the kind of data."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from noiseless import registry
from noiseless.model.model import Model
from noiseless.values import Spec

__all__ = ["Decoding", "Made", "of"]

Made = Tensor | list[str | None]
"""Decoded data: numbers in their own units, or strings, None where a string could not be completed."""


class Decoding(ABC):
    """How codes of a kind of data are decoded."""

    @abstractmethod
    def decoded(self, model: Model, codes: Tensor, generator: torch.Generator | None = None) -> Made:
        """The data that codes stand for.

        Arguments:
            model: what decodes.
            codes: (n, d).
            generator: draws tokens, where data have such; without one the best are taken.
        """

    @abstractmethod
    def remarks(self, made: Made, model: Model, sampled: bool) -> list[str]:
        """What a user should hear about data that :meth:`decoded` gave, with ``sampled`` tokens or the best ones."""


def of(spec: Spec) -> Decoding:
    """The decoding of the kind of data that ``spec`` describes."""
    found: Decoding = registry.modality(spec.modality)
    return found
