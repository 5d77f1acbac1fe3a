"""The pictures of a run: what its model makes of held-out data, and of draws from its densities."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from noiseless import densities
from noiseless.data import Data, Split
from noiseless.files import slug
from noiseless.model import Model
from noiseless.model.interpolation import PATHS
from noiseless.runs import texts
from noiseless.show import export, grids, plots
from noiseless.values import Spec

__all__ = ["draw", "interpolations", "samples", "snapshot"]


def draw(model: Model, data: Data, names: Iterable[str], log: list[dict[str, Any]], folder: Path) -> Path:
    """Writes reconstructions beside originals, samples under every density, paths, and the curves of the log."""
    if log:
        plots.curves(log, folder / "curves.png")
    if any("mask" in row for row in log):
        plots.masks(log, folder / "mask.png")
    if model.spec.tokens:
        texts.draw(model, data, names, folder)
        return folder
    shown = _first(data.test, 16)
    if model.spec.is_image:
        codes, half = model.encode(shown), len(shown) // 2  # once: a search for codes is slow
        grids.reconstructions(_as_shown(shown, model.spec), model.decode(codes), folder / "reconstructions.png")
        interpolations(model, codes[:half], codes[half : 2 * half], folder)
    for name in names:
        samples(model, data, name, model.sample(100, name), folder / f"samples-{slug(name)}.png")
    return folder


def samples(model: Model, data: Data | None, name: str, drawn: Tensor, path: Path) -> None:
    """A grid of images, or vectors beside the real ones, standardised so that no column hides the others."""
    if model.spec.is_image:
        grids.grid(drawn, path, title=f"samples, {name}")
    elif data is not None:
        real = _as_shown(_first(data.test, 1000), model.spec)
        plots.vectors(model.spec.normalise(real), {"generated": model.spec.normalise(drawn)}, path)


def interpolations(model: Model, a: Tensor, b: Tensor, folder: Path) -> list[Path]:
    """Decoded paths from the codes `a` to the codes `b`, a picture for each kind of path."""
    if not len(a):
        return []
    paths = {name: folder / f"interpolation-{name}.png" for name in PATHS}
    for name, path in paths.items():
        z = model.between(a, b, 8, name)
        grids.interpolations(model.decode(z.flatten(0, 1)).unflatten(0, z.shape[:2]), path)
    return list(paths.values())


def snapshot(model: Model, data: Data, codes: Tensor, path: Path) -> None:
    """Samples along training, from one Gaussian fitted to the codes of some training data; strings as .txt."""
    density = densities.build("gaussian", model.latent_dim).fit(codes, torch.Generator().manual_seed(0))
    drawn = density.sample(64, torch.Generator().manual_seed(0))
    if model.spec.tokens:
        export.save(model.strings(drawn), model.spec, path.with_suffix(".txt"), overwrite=True)
    else:
        samples(model, data, "gaussian", model.decode(drawn), path)


def _first(split: Split, count: int) -> np.ndarray:
    return split.take(np.arange(min(count, len(split))))


def _as_shown(raw: np.ndarray, spec: Spec) -> Tensor:
    return spec.normalise(torch.from_numpy(raw)) if spec.is_image else torch.from_numpy(raw)
