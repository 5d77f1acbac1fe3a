"""Data as files: arrays, pictures, folders of pictures, text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from noiseless.errors import InputError
from noiseless.files import atomic_write
from noiseless.show import grids, texts
from noiseless.values import Spec

__all__ = ["MOST_TILES", "check", "save", "save_paths"]

MOST_TILES = 10_000


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
    return grids.grid(drawn, path) if path.suffix == ".png" else _folder(drawn, spec, path)


def _array(drawn: Tensor, path: Path) -> Path:
    with atomic_write(path) as part, part.open("wb") as stream:
        np.save(stream, drawn.numpy())
    return path


def save_paths(drawn: Tensor | Sequence[Sequence[str | None]], spec: Spec, path: Path, overwrite: bool = False) -> Path:
    """Writes interpolations (n, steps, ...) as an array or as one picture, or strings; errors as for :func:`check`."""
    if not isinstance(drawn, Tensor):
        return texts.save_paths(drawn, spec, path, overwrite)
    check(path, spec, len(drawn), overwrite, folders=False)
    return grids.interpolations(drawn, path) if path.suffix == ".png" else _array(drawn, path)


def _folder(drawn: Tensor, spec: Spec, path: Path) -> Path:
    pixels = grids.to_bytes(drawn).numpy()
    with atomic_write(path) as part:
        part.mkdir()
        for k, image in enumerate(pixels):
            Image.fromarray(image[..., 0] if spec.shape[0] == 1 else image).save(part / f"{k:06d}.png")
    return path
