"""What a model of strings makes, as text files and, where the language has them, as pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from noiseless.data import Data
from noiseless.errors import InputError
from noiseless.files import slug, whole
from noiseless.model import Model
from noiseless.model.interpolation import PATHS
from noiseless.show import drawings, plots
from noiseless.strings import of
from noiseless.values import Spec

__all__ = ["check", "draw", "rows_of", "save", "save_paths", "spelled"]

String = str | None
MOST_TILES = 1000
SHOWN = 36


def draw(model: Model, data: Data, names: Iterable[str], folder: Path) -> None:
    """Writes reconstructions beside originals, samples under every density, and paths."""
    held_out = data.test.take(np.arange(min(16, len(data.test))))
    originals, codes = spelled(held_out, model.spec), model.encode(held_out)
    made = model.strings(codes)
    _write(["\t".join(_shown(pair)) for pair in zip(originals, made, strict=True)], folder / "reconstructions.txt")
    pictured = drawings.has_pictures(model.spec)
    if pictured:
        left, right = (_tiles(some, model.spec) for some in (originals, made))
        plots.reconstructions(left, right, folder / "reconstructions.png", columns=4)
    half = len(held_out) // 2
    for path in PATHS if half else ():
        rows = rows_of(model, model.paths(held_out[:half], held_out[half : 2 * half], 8, path))
        save_paths(rows, model.spec, folder / f"interpolation-{path}.txt", overwrite=True)
        if pictured:
            save_paths(rows[:4], model.spec, folder / f"interpolation-{path}.png", overwrite=True)
    for name in names:
        drawn, place = model.strings(model.draw(100, name)), folder / f"samples-{slug(name)}.txt"
        save(drawn, model.spec, place, overwrite=True)
        if pictured:
            save(drawn[:SHOWN], model.spec, place.with_suffix(".png"), overwrite=True)


def check(path: Path, spec: Spec, count: int, overwrite: bool = False) -> None:
    """Refuses, before any work, a place that :func:`save` could not write to.

    Raises:
        InputError: `path` exists and may not be replaced, ends in neither .txt nor .png, or the latter for strings that
            have no pictures or are too many for one.
    """
    if path.exists() and (not overwrite or path.is_dir()):
        raise InputError(f"{path} exists already; choose another --out, or replace it with --overwrite")
    if path.suffix not in (".txt", ".png"):
        raise InputError(f"{spec.name} are strings, which are written as .txt or .png, and --out is {path}")
    if path.suffix == ".png" and not drawings.has_pictures(spec):
        raise _plain(spec)
    if path.suffix == ".png" and count > MOST_TILES:
        raise InputError(f"{count} strings are too many for one picture; give a .txt file to --out")


def save(strings: Sequence[String], spec: Spec, path: Path, overwrite: bool = False) -> Path:
    """Writes strings, one a line (.txt), or their pictures (.png).

    Raises:
        InputError: as for :func:`check`.
    """
    check(path, spec, len(strings), overwrite)
    if path.suffix == ".txt":
        return _write(_shown(strings), path)
    return plots.grid(_tiles(strings, spec), path)


def save_paths(rows: Sequence[Sequence[String]], spec: Spec, path: Path, overwrite: bool = False) -> Path:
    """Writes interpolations, one a line with tabs between its strings (.txt), or their pictures; errors as above."""
    check(path, spec, sum(map(len, rows)), overwrite)
    if path.suffix == ".txt":
        return _write(("\t".join(_shown(row)) for row in rows), path)
    shown = [_tiles(row, spec) for row in rows]
    return plots.interpolations(torch.stack(shown), path)


def spelled(raw: np.ndarray | Tensor, spec: Spec) -> list[str]:
    """The strings of data as they are stored."""
    return _shown(of(spec).read(np.asarray(raw)))


def rows_of(model: Model, z: Tensor) -> list[list[String]]:
    """The strings of paths of codes (n, steps, d), a list for each path."""
    made = model.strings(z.flatten(0, 1))
    return [made[k : k + z.shape[1]] for k in range(0, len(made), z.shape[1])]


def _tiles(strings: Sequence[String], spec: Spec) -> Tensor:
    made = drawings.tiles(strings, spec)
    if made is None:
        raise _plain(spec)
    return made


def _plain(spec: Spec) -> InputError:
    reason = "are molecules, whose pictures need pip install 'noiseless[molecules]'"
    reason = reason if drawings.is_molecules(spec) else "have no pictures"
    return InputError(f"the strings of {spec.name} {reason}; write them as .txt")


def _shown(strings: Iterable[String]) -> list[str]:
    """A derivation that was not complete is an empty text."""
    return [string or "" for string in strings]


def _write(lines: Iterable[str], path: Path) -> Path:
    with whole(path) as part:
        part.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path
