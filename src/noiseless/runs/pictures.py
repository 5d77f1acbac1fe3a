"""The pictures of a run: what its model makes of held-out data, and of draws from its densities."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from noiseless import densities, registry
from noiseless.data import Data
from noiseless.model import Model
from noiseless.registry import Choice
from noiseless.show import plots
from noiseless.values import Spec

__all__ = ["Pictures", "draw", "of", "snapshot"]


class Pictures(ABC):
    """What is drawn of a model, by the kind of data; strings are also written as text."""

    @abstractmethod
    def draw(self, model: Model, data: Data, names: Iterable[Choice], folder: Path) -> None:
        """Writes reconstructions beside originals, samples under the densities ``names``, and paths."""

    @abstractmethod
    def snapshot(self, model: Model, data: Data, codes: Tensor, path: Path) -> None:
        """Decodes ``codes``, drawn from a Gaussian, and writes the data to ``path``; the kind may change its ending."""

    @abstractmethod
    def has_tiles(self, spec: Spec) -> bool:
        """Whether a datum can be drawn as a small picture."""

    @abstractmethod
    def tiles(self, model: Model, chosen: Choice) -> Tensor:
        """Samples under a density as a row of small pictures, for :func:`noiseless.show.grids.comparison`."""


def of(spec: Spec) -> Pictures:
    """The pictures of the kind of data that ``spec`` describes."""
    found: Pictures = registry.modality(spec.modality)
    return found


def draw(model: Model, data: Data, names: Iterable[Choice], log: list[dict[str, Any]], folder: Path) -> Path:
    """Writes reconstructions beside originals, samples under every density, paths, and the curves of the log."""
    if log:
        plots.curves(log, folder / "curves.png")
    if any("mask" in row for row in log):
        plots.masks(log, folder / "mask.png")
    of(model.spec).draw(model, data, names, folder)
    return folder


def snapshot(model: Model, data: Data, codes: Tensor, path: Path) -> None:
    """Samples along training, from one Gaussian fitted to the codes of some training data; strings as .txt."""
    density = densities.build("gaussian", model.latent_dim).fit(codes, torch.Generator().manual_seed(0))
    of(model.spec).snapshot(model, data, density.sample(64, torch.Generator().manual_seed(0)), path)
