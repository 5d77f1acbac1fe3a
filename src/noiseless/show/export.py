"""Data as files: arrays, pictures, folders of pictures, text. The kind of data decides which."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from torch import Tensor

from noiseless import registry
from noiseless.errors import InputError
from noiseless.files import atomic_write, refuse_removal, refuse_unwritable
from noiseless.values import Spec

__all__ = ["Export", "check", "of", "refuse_existing", "save", "save_paths", "write_array"]

Drawn = Tensor | Sequence[str | None]
Paths = Tensor | Sequence[Sequence[str | None]]


class Export(ABC):
    """The files of a kind of data.

    Attributes:
        ending: of the file that is written by default.
    """

    ending: ClassVar[str]

    @abstractmethod
    def check_place(self, path: Path, spec: Spec, count: int, overwrite: bool, folders: bool) -> None:
        """As :func:`check`."""

    @abstractmethod
    def save(self, drawn: Drawn, spec: Spec, path: Path, overwrite: bool) -> Path:
        """As :func:`save`."""

    @abstractmethod
    def save_paths(self, drawn: Paths, spec: Spec, path: Path, overwrite: bool) -> Path:
        """As :func:`save_paths`."""


def of(spec: Spec) -> Export:
    """The files of the kind of data that ``spec`` describes."""
    found: Export = registry.modality(spec.modality)
    return found


def check(path: Path, spec: Spec, count: int, overwrite: bool = False, folders: bool = True) -> None:
    """Refuses, before any work, a place that :func:`save` could not write to.

    Arguments:
        path: where data are to be written.
        spec: what they look like.
        count: how many they are.
        overwrite: whether ``path`` may be replaced.
        folders: whether a folder will do.

    Raises:
        InputError: ``path`` exists and may not be replaced, these data cannot be pictures, or too many for one.
        RunError: nothing can be written there.
    """
    of(spec).check_place(path, spec, count, overwrite, folders)
    refuse_unwritable(path.parent)


def save(drawn: Drawn, spec: Spec, path: Path, overwrite: bool = False) -> Path:
    """Writes data as an array (.npy), a picture (.png, a grid), a folder of pictures or a text (.txt).

    The ending of ``path`` decides which.

    Raises:
        InputError: as for :func:`check`.
    """
    return of(spec).save(drawn, spec, path, overwrite)


def save_paths(drawn: Paths, spec: Spec, path: Path, overwrite: bool = False) -> Path:
    """Writes interpolations (n, steps, ...) as an array or as one picture, or strings; errors as for :func:`check`."""
    return of(spec).save_paths(drawn, spec, path, overwrite)


def refuse_existing(path: Path, overwrite: bool) -> None:
    """Refuses a path that exists, unless it may be replaced and is a file or a folder of pictures."""
    if not path.exists():
        return
    if not overwrite:
        raise InputError(f"{path} exists already; choose another --out, or replace it with --overwrite")
    refuse_removal(path, {})
    if path.is_dir() and (path.suffix or any(p.suffix != ".png" for p in path.iterdir())):
        raise InputError(f"{path} is a folder of other things, so --overwrite does not remove it; choose another --out")


def write_array(drawn: Drawn | Paths, path: Path) -> Path:
    """Writes numbers as a .npy file."""
    with atomic_write(path) as part, part.open("wb") as stream:
        np.save(stream, np.asarray(drawn))
    return path
