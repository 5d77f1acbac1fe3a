"""The pictures of a run: what its model makes of held-out data, and of draws from its densities."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from noiseless import densities, figures
from noiseless.data import Data, Split
from noiseless.interpolation import PATHS
from noiseless.model import Model
from noiseless.values import Spec

__all__ = ["draw", "interpolations", "samples", "snapshot"]


def draw(model: Model, data: Data, names: Iterable[str], log: list[dict[str, Any]], folder: Path) -> None:
    """Reconstructions beside originals, samples under every density, interpolations, and the curves of the log."""
    if log:
        figures.curves(log, folder / "curves.png")
    shown = _first(data.test, 16)
    if model.spec.is_image:
        figures.reconstructions(_as_shown(shown, model.spec), model.reconstruct(shown), folder / "reconstructions.png")
        half = len(shown) // 2
        interpolations(model, shown[:half], shown[half : 2 * half], folder)
    for name in names:
        samples(model, data, name, model.sample(100, name), folder / f"samples-{name}.png")


def samples(model: Model, data: Data | None, name: str, drawn: Tensor, path: Path) -> None:
    """A grid of images, or vectors among the real ones."""
    if model.spec.is_image:
        figures.grid(drawn, path, title=f"samples, {name}")
    elif data is not None:
        figures.vectors(_as_shown(_first(data.test, 1000), model.spec), drawn, path)


def interpolations(model: Model, a: np.ndarray, b: np.ndarray, folder: Path) -> list[Path]:
    """Decoded paths from `a` to `b`, a picture for each kind of path."""
    if not len(a):
        return []
    paths = {name: folder / f"interpolation-{name}.png" for name in PATHS}
    for name, path in paths.items():
        figures.interpolations(model.interpolate(a, b, 8, name), path)
    return list(paths.values())


def snapshot(model: Model, data: Data, path: Path) -> None:
    """Samples along training, from one Gaussian fitted to the codes of a thousand training data."""
    codes = model.encode(_first(data.train, 1000))
    density = densities.build("gaussian", model.latent).fit(codes, torch.Generator().manual_seed(0))
    samples(model, data, "gaussian", model.decode(density.sample(64, torch.Generator().manual_seed(0))), path)


def _first(split: Split, count: int) -> np.ndarray:
    return split.take(np.arange(min(count, len(split))))


def _as_shown(raw: np.ndarray, spec: Spec) -> Tensor:
    return spec.normalise(torch.from_numpy(raw)) if spec.is_image else torch.from_numpy(raw)
