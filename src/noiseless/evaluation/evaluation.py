"""The evaluation of a model, and of data that we did not make, by the kind of data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from noiseless import registry
from noiseless.data import Data
from noiseless.evaluation.results import Reference, Result
from noiseless.metrics import Features, Metric
from noiseless.model import Model
from noiseless.registry import Choice
from noiseless.values import Spec

__all__ = ["Evaluation", "of"]


class Evaluation(ABC):
    """The rows of results that a kind of data has."""

    @abstractmethod
    def rows(
        self,
        model: Model,
        data: Data,
        names: Sequence[Choice],
        features: Features | None,
        *,
        n: int = 10_000,
        part: Reference = "test",
        seed: int = 0,
        more: Sequence[Metric] = (),
        show: bool = True,
    ) -> list[Result]:
        """The rows of a model.

        Arguments:
            model: what is evaluated.
            data: where held-out data and the reference come from.
            names: densities to sample from, by name or as objects.
            features: maps data to what metrics compare; None for kinds of data that have none.
            n: data in every row and in the reference, at most as many as the reference has.
            part: the part that is the reference.
            seed: chooses data, pairs and draws.
            more: metrics beside those of the package.
            show: progress on the terminal.
        """

    @abstractmethod
    def rows_of_samples(
        self,
        source: object,
        data: Data,
        features: Features | None,
        *,
        size: int | None = None,
        n: int = 10_000,
        part: Reference = "test",
        seed: int = 0,
        more: Sequence[Metric] = (),
    ) -> list[Result]:
        """The rows of data that we did not make.

        Arguments:
            source: what :func:`noiseless.data.load` takes; of strings a text file, or a list.
            data, features, n, part, seed, more: as for :meth:`rows`.
            size: resizes images.
        """


def of(spec: Spec) -> Evaluation:
    """The evaluation of the kind of data that ``spec`` describes."""
    found: Evaluation = registry.modality(spec.modality)
    return found
