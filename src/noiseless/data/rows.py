"""Data for a trained model -> its rows, in the form in which the model's own data are stored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from noiseless.data import modality
from noiseless.data.dataset import read
from noiseless.data.raw import Raw
from noiseless.errors import InputError
from noiseless.strings import refuse_other
from noiseless.values import Spec

__all__ = ["alike", "rows"]


def rows(
    source: object,
    spec: Spec,
    *,
    size: int | None = None,
    data_dir: Path | None = None,
    holder: str = "this model",
    notes: list[str] | None = None,
) -> np.ndarray:
    """All rows of ``source``, as they are stored.

    Arguments:
        source: what :func:`noiseless.data.load` takes; for a model of strings also a text file in its language.
        spec: of the model's data.
        size: the height and width to which images of files, and PIL images, are resized.
        data_dir: where to look first for the files of a named data set.
        holder: what errors call the model.
        notes: takes what a user should hear about the data.

    Raises:
        InputError: there is no such data, they are strings in another language, or images in colour for a model of grey
            ones.
    """
    found = modality.of(spec).read(str(source), spec) if isinstance(source, str | Path) else None
    if found is not None:
        return found
    raw = alike(read(source, size=size, data_dir=data_dir), spec, holder)
    refuse_other(raw.codec, spec, holder)
    if notes is not None:
        notes.extend(raw.notes)
    return raw.array


def alike(raw: Raw, spec: Spec, holder: str) -> Raw:
    """Data in the form of those of ``spec``.

    A frame's columns are taken by their names. Grey images have three equal channels where those of ``spec`` are in
    colour, as in a folder of both, with a note.

    Raises:
        InputError: a frame has other columns; or images are in colour, and those of ``spec`` are grey.
    """
    raw = raw.in_order(spec.columns, holder)
    given, wanted = raw.array.shape, (len(raw.array), *spec.shape)
    if len(given) != 4 or len(wanted) != 4 or given[2:] != wanted[2:] or (given[1], wanted[1]) not in ((1, 3), (3, 1)):
        return raw
    if wanted[1] == 1:
        raise InputError(f"{raw.name} has images in colour, and {holder} has grey ones; convert them to grey")
    note = f"{raw.name} has grey images, and {holder} has images in colour: they are taken as RGB with equal channels"
    return replace(raw, array=np.broadcast_to(raw.array, wanted), notes=(*raw.notes, note))
