"""Images in grids: samples, reconstructions, interpolations and comparisons of methods."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from noiseless.errors import InputError
from noiseless.show.png import refuse_broken, written

__all__ = [
    "LEGIBLE",
    "LETTER",
    "MARGIN",
    "comparison",
    "grid",
    "interpolations",
    "reconstructions",
    "sheet",
    "to_bytes",
]

LEGIBLE = 64


LETTER = 14


MARGIN = 8


def to_bytes(images: Float[Tensor, "n c h w"]) -> UInt8[Tensor, "n h w 3"]:
    r"""Images in [0, 1] as 8-bit RGB, rounded and clamped; see the module for channels.

    Raises:
        InputError: no image at all, or values that are not finite, with the number of images that have some.
    """
    if len(images) == 0:
        raise InputError("there are no images to show; give at least one")
    refuse_broken(images, "images")
    shown = images if images.shape[1] in (1, 3) else images.mean(dim=1, keepdim=True)
    levels = shown.detach().cpu().double().clamp(0, 1).mul(255).round().to(torch.uint8)
    return levels.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).contiguous()


def grid(
    images: Float[Tensor, "n c h w"],
    path: str | Path,
    columns: int | None = None,
    title: str | None = None,
    scale: int | None = None,
) -> Path:
    """Images row by row.

    Arguments:
        images: what to show, in [0, 1].
        path: the PNG file.
        columns: images a row; by default as many as make a square.
        title: a line above.
        scale: how many pixels a side one pixel becomes; by default what makes the images legible.

    Raises:
        InputError: no images, values that are not finite, or a path that does not end in ``.png``.
    """
    columns = columns or math.ceil(math.sqrt(len(images)))
    tiles = to_bytes(images)
    gap = tiles.new_full((-len(tiles) % columns, *tiles.shape[1:]), 255)
    rows = torch.cat([tiles, gap]).unflatten(0, (-1, columns))
    return written(sheet(rows, title=title, scale=scale), path)


def reconstructions(
    x: Float[Tensor, "n c h w"], y: Float[Tensor, "_ _ _ _"], path: str | Path, columns: int = 10
) -> Path:
    """Originals, each above its reconstruction, in pairs of rows.

    Arguments:
        x: the originals, in [0, 1].
        y: what the autoencoder made of them, in the same shape.
        path: the PNG file.
        columns: pairs a row.

    Raises:
        InputError: as :func:`grid`, or ``x`` and ``y`` differ in shape.
    """
    if x.shape != y.shape:
        raise InputError(f"reconstructions of shape {tuple(y.shape)} do not match originals of shape {tuple(x.shape)}")
    columns = max(1, min(columns, len(x)))
    tiles = torch.stack([to_bytes(x), to_bytes(y)])
    gap = tiles.new_full((2, -len(x) % columns, *tiles.shape[2:]), 255)
    rows = torch.cat([tiles, gap], dim=1).unflatten(1, (-1, columns)).transpose(0, 1).flatten(0, 1)
    return written(sheet(rows, labels=["original", "reconstruction"] * (len(rows) // 2), group=2), path)


def interpolations(
    rows: Float[Tensor, "r s c h w"], path: str | Path, labels: Sequence[str] | None = None, title: str | None = None
) -> Path:
    """One interpolation in each row.

    Arguments:
        rows: r interpolations of s images, in [0, 1].
        path: the PNG file.
        labels: what to write at the left of each row.
        title: a line above.

    Raises:
        InputError: as :func:`grid`, or as many labels as rows are not given.
    """
    if labels is not None and len(labels) != len(rows):
        raise InputError(f"{len(rows)} interpolations need as many labels, not {len(labels)}")
    tiles = to_bytes(rows.flatten(0, 1)).unflatten(0, rows.shape[:2])
    return written(sheet(tiles, labels=labels, title=title), path)


def comparison(images: Mapping[str, Float[Tensor, "n c h w"]], path: str | Path, title: str | None = None) -> Path:
    """A row of samples for each method or density, with its name at the left.

    Arguments:
        images: samples by name, in [0, 1]; each row shows as many as the shortest has.
        path: the PNG file.
        title: a line above.

    Raises:
        InputError: as :func:`grid`, or images of different sizes.
    """
    sizes = {tuple(some.shape[-2:]) for some in images.values()}
    if len(sizes) != 1:
        raise InputError(f"a comparison needs images of one size, not of {sorted(sizes)}")
    tiles = [to_bytes(some) for some in images.values()]
    shortest = min(len(some) for some in tiles)
    rows = torch.stack([some[:shortest] for some in tiles])
    return written(sheet(rows, labels=list(images), title=title), path)


def sheet(
    tiles: UInt8[Tensor, "r s h w 3"],
    labels: Sequence[str] | None = None,
    title: str | None = None,
    scale: int | None = None,
    group: int = 0,
) -> Image.Image:
    """Tiles on white paper, labels at the left of the rows, a title above, more space after every ``group`` rows."""
    scale = scale or max(1, LEGIBLE // max(tiles.shape[2:4]))
    rows, count, height, width = (*tiles.shape[:2], tiles.shape[2] * scale, tiles.shape[3] * scale)
    gap = max(2, scale // 2)
    font = ImageFont.load_default(LETTER)
    left = MARGIN + (int(max(map(font.getlength, labels))) + MARGIN if labels else 0)
    top = MARGIN + (LETTER + MARGIN if title else 0)
    tops = [top + r * (height + gap) + (r // group * MARGIN if group else 0) for r in range(rows)]
    right = left + max(count * (width + gap) - gap, int(font.getlength(title)) if title else 0)
    paper = Image.new("RGB", (right + MARGIN, tops[-1] + height + MARGIN), "white")
    pen = ImageDraw.Draw(paper)
    if title:
        pen.text((left, MARGIN), title, fill="black", font=font)
    for r, row in enumerate(tiles.numpy().repeat(scale, axis=2).repeat(scale, axis=3)):
        if labels:
            pen.text((left - MARGIN, tops[r] + height // 2), labels[r], fill="black", font=font, anchor="rm")
        for s, tile in enumerate(row):
            paper.paste(Image.fromarray(tile), (left + s * (width + gap), tops[r]))
    return paper
