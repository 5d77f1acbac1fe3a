"""Strings as small pictures: expressions as curves, molecules as their structure.

Other languages have no pictures. An expression's curve is drawn over [-10, 10], from -12 to 12, with its text below;
what is no object is an empty tile with a dash.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from noiseless.errors import InputError
from noiseless.strings.expressions import X, evaluate, parse
from noiseless.strings.language import is_expressions, is_molecules
from noiseless.strings.molecules import read
from noiseless.values import Spec

__all__ = ["has_pictures", "tiles", "why_none"]

WIDE, HIGH = 168, 128
STRIP = 16
EXTENT = 12.0
LETTER = 11
NOTHING = "none"
"""What stands where a string is no object; the font has no dashes."""


def has_pictures(spec: Spec) -> bool:
    """Whether :func:`tiles` can draw such strings here."""
    return is_expressions(spec) or (is_molecules(spec) and find_spec("rdkit") is not None)


def why_none(spec: Spec) -> str:
    """Why such strings cannot be drawn here, after a subject in the plural."""
    if is_molecules(spec):
        return "are molecules, whose pictures need pip install 'noiseless[molecules]'"
    return "have no pictures"


def tiles(strings: Sequence[str | None], spec: Spec) -> Float[Tensor, "n 3 h w"] | None:
    """A picture of each string, in [0, 1]; None where the language has none.

    Raises:
        InputError: molecules, and RDKit is not installed.
    """
    if is_expressions(spec):
        made = [_curve(string) for string in strings]
    elif is_molecules(spec):
        made = [_structure(string) for string in strings]
    else:
        return None
    return torch.from_numpy(np.stack([np.asarray(tile) for tile in made])).permute(0, 3, 1, 2) / 255


def _curve(string: str | None) -> Image.Image:
    paper = Image.new("RGB", (WIDE, HIGH), "white")
    pen, high = ImageDraw.Draw(paper), HIGH - STRIP
    values = _values(string) if string else None
    if string and values is not None:
        pen.line([(0, high / 2), (WIDE, high / 2)], fill="#dddddd")
        pen.line([(WIDE / 2, 0), (WIDE / 2, high)], fill="#dddddd")
        across = (X - X[0]) / (X[-1] - X[0]) * (WIDE - 1)
        down = (EXTENT - np.clip(values, -2 * EXTENT, 2 * EXTENT)) / (2 * EXTENT) * (high - 1)
        for part in _pieces(np.isfinite(values) & (np.abs(values) <= EXTENT)):
            pen.line(list(zip(across[part].tolist(), down[part].tolist(), strict=True)), fill="#1f77b4", width=2)
    text = string if values is not None and string else NOTHING
    pen.text((WIDE / 2, HIGH - STRIP), text, fill="black", anchor="ma", font=ImageFont.load_default(LETTER))
    pen.rectangle([(0, 0), (WIDE - 1, HIGH - 1)], outline="#bbbbbb")
    return paper


def _values(string: str) -> np.ndarray | None:
    """The expression at the points of its score; None where it is none, or cannot be computed."""
    try:
        with np.errstate(all="ignore"):
            return np.broadcast_to(np.asarray(evaluate(parse(string), X), dtype=np.float64), X.shape)
    except (InputError, ZeroDivisionError, OverflowError):
        return None


def _pieces(shown: np.ndarray) -> list[slice]:
    """Stretches of at least two points that are shown."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], shown.astype(int), [0]])))
    return [slice(a, b) for a, b in edges.reshape(-1, 2).tolist() if b - a > 1]


def _structure(smiles: str | None) -> Image.Image:
    molecule = read(smiles or "")
    if molecule is not None:
        return _drawn(molecule)
    paper = Image.new("RGB", (WIDE, HIGH), "white")
    font = ImageFont.load_default(LETTER)
    ImageDraw.Draw(paper).text((WIDE / 2, HIGH / 2), NOTHING, fill="#999999", anchor="mm", font=font)
    return paper


def _drawn(molecule: Any) -> Image.Image:
    from rdkit import rdBase  # it is there: it has read the molecule
    from rdkit.Chem import Draw

    with rdBase.BlockLogs():
        picture: Image.Image = Draw.MolToImage(molecule, size=(WIDE, HIGH))
    return picture.convert("RGB")
