"""The pictures of a run: what its model makes of held-out data, and of draws from its densities."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from noiseless import densities
from noiseless.data import Data, Split
from noiseless.errors import InputError
from noiseless.files import slug, whole
from noiseless.model import Model
from noiseless.model.interpolation import PATHS
from noiseless.show import plots, texts
from noiseless.values import Spec

__all__ = ["check", "draw", "interpolations", "samples", "save", "save_paths", "snapshot"]

MOST_TILES = 10_000


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
        plots.reconstructions(_as_shown(shown, model.spec), model.decode(codes), folder / "reconstructions.png")
        interpolations(model, codes[:half], codes[half : 2 * half], folder)
    for name in names:
        samples(model, data, name, model.sample(100, name), folder / f"samples-{slug(name)}.png")
    return folder


def samples(model: Model, data: Data | None, name: str, drawn: Tensor, path: Path) -> None:
    """A grid of images, or vectors beside the real ones, standardised so that no column hides the others."""
    if model.spec.is_image:
        plots.grid(drawn, path, title=f"samples, {name}")
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
        plots.interpolations(model.decode(z.flatten(0, 1)).unflatten(0, z.shape[:2]), path)
    return list(paths.values())


def snapshot(model: Model, data: Data, codes: Tensor, path: Path) -> None:
    """Samples along training, from one Gaussian fitted to the codes of some training data; strings as .txt."""
    density = densities.build("gaussian", model.latent).fit(codes, torch.Generator().manual_seed(0))
    drawn = density.sample(64, torch.Generator().manual_seed(0))
    if model.spec.tokens:
        texts.save(model.strings(drawn), model.spec, path.with_suffix(".txt"), overwrite=True)
    else:
        samples(model, data, "gaussian", model.decode(drawn), path)


def _first(split: Split, count: int) -> np.ndarray:
    return split.take(np.arange(min(count, len(split))))


def _as_shown(raw: np.ndarray, spec: Spec) -> Tensor:
    return spec.normalise(torch.from_numpy(raw)) if spec.is_image else torch.from_numpy(raw)


def check(path: Path, spec: Spec, count: int, overwrite: bool = False, folders: bool = True) -> None:
    """Refuses, before any work, a place that :func:`save` could not write to.

    Arguments:
        path: where data are to be written.
        spec: what they look like.
        count: how many they are.
        overwrite: whether `path` may be replaced.
        folders: whether a folder will do.

    Raises:
        InputError: `path` exists and may not be replaced, these data cannot be pictures, or too many for one.
    """
    if spec.tokens:
        return texts.check(path, spec, count, overwrite)
    if path.exists():
        _refuse_existing(path, overwrite)
    if path.suffix == ".npy":
        return None
    if not spec.is_image:
        raise InputError(f"{spec.name} are vectors, which are written as .npy, and --out is {path}")
    if path.suffix == ".png" and count > MOST_TILES:
        raise InputError(f"{count} images are too many for one picture; give a .npy file or a folder to --out")
    if path.suffix == ".png":
        return None
    if path.suffix or not folders:
        kinds = "a .npy or .png file, or a folder (no ending)" if folders else "a .npy or .png file"
        raise InputError(f"--out is {path}; expected {kinds}")
    if spec.shape[0] not in (1, 3):
        raise InputError(f"images of {spec.shape[0]} channels cannot be PNG files; write them as .npy")
    return None


def _refuse_existing(path: Path, overwrite: bool) -> None:
    if not overwrite:
        raise InputError(f"{path} exists already; choose another --out, or replace it with --overwrite")
    if path.is_dir() and (path.suffix or any(p.suffix != ".png" for p in path.iterdir())):
        raise InputError(f"{path} is a folder of other things, so --overwrite does not remove it; choose another --out")


def save(drawn: Tensor | Sequence[str | None], spec: Spec, path: Path, overwrite: bool = False) -> Path:
    """Writes data as an array (.npy), one picture (.png, a grid) or a folder of pictures, by what `path` ends in.

    Strings are written by :func:`noiseless.show.texts.save`.

    Raises:
        InputError: as for :func:`check`.
    """
    if not isinstance(drawn, Tensor):
        return texts.save(drawn, spec, path, overwrite)
    check(path, spec, len(drawn), overwrite)
    if path.suffix == ".npy":
        return _array(drawn, path)
    return plots.grid(drawn, path) if path.suffix == ".png" else _folder(drawn, spec, path)


def _array(drawn: Tensor, path: Path) -> Path:
    with whole(path) as part, part.open("wb") as stream:
        np.save(stream, drawn.numpy())
    return path


def save_paths(drawn: Tensor | Sequence[Sequence[str | None]], spec: Spec, path: Path, overwrite: bool = False) -> Path:
    """Writes interpolations (n, steps, ...) as an array or as one picture, or strings; errors as for :func:`check`."""
    if not isinstance(drawn, Tensor):
        return texts.save_paths(drawn, spec, path, overwrite)
    check(path, spec, len(drawn), overwrite, folders=False)
    return plots.interpolations(drawn, path) if path.suffix == ".png" else _array(drawn, path)


def _folder(drawn: Tensor, spec: Spec, path: Path) -> Path:
    pixels = plots.to_bytes(drawn).numpy()
    with whole(path) as part:
        part.mkdir()
        for k, image in enumerate(pixels):
            Image.fromarray(image[..., 0] if spec.shape[0] == 1 else image).save(part / f"{k:06d}.png")
    return path
