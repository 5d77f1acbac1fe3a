"""What a model of strings makes, as text files and pictures in a run's folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from torch import Tensor

from noiseless.data import Data
from noiseless.files import slug
from noiseless.model import Model
from noiseless.model.interpolation import PATHS
from noiseless.show import drawings, grids
from noiseless.show.texts import _tiles, _write, save, save_paths
from noiseless.strings.language import String, shown, spelled

__all__ = ["SHOWN", "draw", "rows_of"]

SHOWN = 36


def draw(model: Model, data: Data, names: Iterable[str], folder: Path) -> None:
    """Writes reconstructions beside originals, samples under every density, and paths."""
    held_out = data.test.take(np.arange(min(16, len(data.test))))
    originals, codes = spelled(held_out, model.spec), model.encode(held_out)
    made = model.strings(codes)
    _write(["\t".join(shown(pair)) for pair in zip(originals, made, strict=True)], folder / "reconstructions.txt")
    pictured = drawings.has_pictures(model.spec)
    if pictured:
        left, right = (_tiles(some, model.spec) for some in (originals, made))
        grids.reconstructions(left, right, folder / "reconstructions.png", columns=4)
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


def rows_of(model: Model, z: Tensor) -> list[list[String]]:
    """The strings of paths of codes (n, steps, d), a list for each path."""
    made = model.strings(z.flatten(0, 1))
    return [made[k : k + z.shape[1]] for k in range(0, len(made), z.shape[1])]
