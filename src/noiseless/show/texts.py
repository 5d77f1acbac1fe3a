"""What a model of strings makes, as text files and, where the language has them, as pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from noiseless.errors import InputError
from noiseless.files import atomic_write
from noiseless.show import drawings, grids
from noiseless.strings.language import String, shown
from noiseless.values import Spec

__all__ = ["check", "save", "save_paths", "tiles", "write_lines"]

MOST_TILES = 1000


def check(path: Path, spec: Spec, count: int, overwrite: bool = False) -> None:
    """Refuses, before any work, a place that :func:`save` could not write to.

    Raises:
        InputError: ``path`` exists and may not be replaced; or it ends in neither .txt nor .png, or in .png for strings
            that have no pictures or are too many for one.
    """
    if path.exists() and (not overwrite or path.is_dir()):
        raise InputError(f"{path} exists already; choose another path (out=), or replace it (overwrite=True)")
    if path.suffix not in (".txt", ".png"):
        raise InputError(f"{spec.name} are strings, which are written as .txt or .png, not as {path}")
    if path.suffix == ".png" and not drawings.has_pictures(spec):
        raise _refusal(spec)
    if path.suffix == ".png" and count > MOST_TILES:
        raise InputError(f"{count} strings are too many for one picture; write a .txt file (out=)")


def save(strings: Sequence[String], spec: Spec, path: Path, overwrite: bool = False) -> Path:
    """Writes strings, one a line (.txt), or their pictures (.png).

    Raises:
        InputError: as for :func:`check`.
    """
    check(path, spec, len(strings), overwrite)
    if path.suffix == ".txt":
        return write_lines(shown(strings), path)
    return grids.grid(tiles(strings, spec), path)


def save_paths(rows: Sequence[Sequence[String]], spec: Spec, path: Path, overwrite: bool = False) -> Path:
    """Writes interpolations, one a line with tabs between its strings (.txt), or pictures; errors as :func:`save`."""
    check(path, spec, sum(map(len, rows)), overwrite)
    if path.suffix == ".txt":
        return write_lines(("\t".join(shown(row)) for row in rows), path)
    return grids.interpolations(torch.stack([tiles(row, spec) for row in rows]), path)


def tiles(strings: Sequence[String], spec: Spec) -> Tensor:
    """Pictures of strings, in [0, 1]; InputError where they have none."""
    made = drawings.tiles(strings, spec)
    if made is None:
        raise _refusal(spec)
    return made


def _refusal(spec: Spec) -> InputError:
    return InputError(f"the strings of {spec.name} {drawings.why_none(spec)}; write them as .txt")


def write_lines(lines: Iterable[str], path: Path) -> Path:
    """Writes a text file."""
    with atomic_write(path) as part:
        part.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path
