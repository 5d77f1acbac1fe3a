"""The pictures of a run: what its model makes of held-out data, and of draws from its densities."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from noiseless import densities, figures
from noiseless.data import Data, Split
from noiseless.errors import InputError
from noiseless.files import whole
from noiseless.interpolation import PATHS
from noiseless.model import Model
from noiseless.values import Spec

__all__ = ["draw", "interpolations", "samples", "save", "save_paths", "snapshot"]


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


def save(drawn: Tensor, spec: Spec, path: Path, overwrite: bool = False) -> Path:
    """Writes data as an array (.npy), one picture (.png, a grid) or a folder of pictures, by what `path` ends in.

    Raises:
        InputError: `path` exists and may not be replaced, or these data cannot be pictures.
        RunError: it cannot be written.
    """
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists already; choose another --out, or replace it with --overwrite")
    if path.suffix == ".npy":
        with whole(path) as part, part.open("wb") as stream:
            np.save(stream, drawn.numpy())
        return path
    if not spec.is_image:
        raise InputError(f"vectors are written as .npy, and --out is {path}")
    if path.suffix == ".png":
        return figures.grid(drawn, path)
    if path.suffix:
        raise InputError(f"--out is {path}; expected a .npy or .png file, or a folder (no ending)")
    return _folder(drawn, spec, path)


def save_paths(drawn: Tensor, spec: Spec, path: Path, overwrite: bool = False) -> Path:
    """Writes interpolations (n, steps, ...) as an array or as one picture; errors as for :func:`save`."""
    if path.suffix == ".png" and spec.is_image and (overwrite or not path.exists()):
        return figures.interpolations(drawn, path)
    return save(drawn, spec, path, overwrite)


def _folder(drawn: Tensor, spec: Spec, path: Path) -> Path:
    if spec.shape[0] not in (1, 3):
        raise InputError(f"images of {spec.shape[0]} channels cannot be PNG files; write them as .npy")
    pixels = figures.to_bytes(drawn).numpy()
    with whole(path) as part:
        part.mkdir()
        for k, image in enumerate(pixels):
            Image.fromarray(image[..., 0] if spec.shape[0] == 1 else image).save(part / f"{k:06d}.png")
    return path
