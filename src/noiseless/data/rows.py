"""Data for a trained model -> its rows, in the form in which the model's own data are stored."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from noiseless.data import modality
from noiseless.data.dataset import read
from noiseless.strings import refuse_other
from noiseless.values import Spec

__all__ = ["rows"]


def rows(
    source: object, spec: Spec, *, size: int | None = None, data_dir: Path | None = None, holder: str = "this model"
) -> np.ndarray:
    """All rows of ``source``, as they are stored.

    Arguments:
        source: what :func:`noiseless.data.load` takes; for a model of strings also a text file in its language.
        spec: of the model's data.
        size: the height and width to which images of files, and PIL images, are resized.
        data_dir: where to look first for the files of a named data set.
        holder: what errors call the model.

    Raises:
        InputError: there is no such data, or they are strings in another language.
    """
    found = modality.of(spec).read(str(source), spec) if isinstance(source, str | Path) else None
    if found is not None:
        return found
    raw = read(source, size=size, data_dir=data_dir)
    refuse_other(raw.codec, spec, holder)
    return raw.array
