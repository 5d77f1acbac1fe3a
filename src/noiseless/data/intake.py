"""Data that people have at hand -> a :class:`Raw`: arrays, tensors, frames, data sets of torch and of Hugging Face.

* A NumPy array, a torch tensor, or anything with ``__array__``, by the rules of :mod:`noiseless.data.arrays`. An array
  of the right type is not copied: do not write into it while a model is trained on it.
* A frame of numbers, of pandas or polars: a vector for each row.
* A torch ``Dataset`` with a length, or a list, of tensors, arrays or PIL images, alone, in pairs with a label, or in
  dictionaries with one of them. PIL images are treated as those of files are (:mod:`noiseless.data.decode`).
* A split of a Hugging Face data set: its column of images, or of arrays, or else all of its columns of numbers.

Labels come along where all are whole numbers, and are kept beside the data; no method uses them. What cannot be taken
is refused by its type and shape; values are never printed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePath
from typing import Any

import numpy as np
import torch
from torch import Tensor

from noiseless.data import columns, frames, items
from noiseless.data.arrays import standard
from noiseless.data.raw import Raw
from noiseless.errors import InputError

__all__ = ["called", "described", "taken"]

EXPECTED = (
    "expected a name or a path, a NumPy array, a torch tensor, a pandas or polars frame of numbers, a torch Dataset, a "
    "list of images, or a split of a Hugging Face data set"
)


def taken(data: object, *, size: int | None = None, labels: object = None, name: str | None = None) -> Raw:
    """All rows of ``data``.

    Arguments:
        data: see the module.
        size: the height and width to which PIL images are cropped and resized; nothing else is resized.
        labels: a whole number for each row, in place of what the data say themselves.
        name: what results and errors call the data. That of a known data set chooses its paper's constants.

    Raises:
        InputError: they cannot be taken; says of what type and shape they are.
    """
    raw = _raw(data, size)
    if labels is not None:
        raw = replace(raw, labels=_array(labels, "the array of labels"))
    return replace(raw, name=name or raw.name)


def called(data: object) -> str:
    """What results call data: the name or the path that was given, or else what they are."""
    return str(data) if isinstance(data, str | PurePath) else described(data)


def described(data: Any) -> str:
    """What ``data`` are, without a value of theirs.

    >>> described(np.zeros((3, 2), dtype=np.int64)), described([1, 2])
    ('a NumPy array of shape (3, 2) in int64', 'a list of 2 items')
    """
    if isinstance(data, np.ndarray):
        return f"a NumPy array of shape {data.shape} in {data.dtype}"
    if isinstance(data, Tensor):
        return f"a torch tensor of shape {tuple(data.shape)} in {str(data.dtype).removeprefix('torch.')}"
    owner = type(data).__module__.partition(".")[0]
    called = f"a {type(data).__name__}" if owner in ("builtins", "__main__") else f"a {owner} {type(data).__name__}"
    if not _has_length(data):
        return called
    if frames.is_frame(data):
        return f"{called} of {len(data):,} rows and {len(data.columns)} columns"
    return f"{called} of {len(data):,} items"


def _raw(data: object, size: int | None) -> Raw:
    where = described(data)
    if isinstance(data, Raw):
        return data if data.codec is not None else replace(data, array=standard(where, data.array))
    if isinstance(data, Tensor | np.ndarray):
        name = "tensor" if isinstance(data, Tensor) else "array"
        return Raw(name, standard(where, _array(data, where)))
    if columns.has_columns(data):
        return columns.gathered(data, where, size)
    if frames.is_frame(data):
        return Raw("frame", standard(where, frames.numbers(data, where)), columns=frames.names(data))
    if hasattr(data, "__array__"):
        return Raw("array", standard(where, _array(data, where)))
    if _has_items(data):
        every: Any = data
        return items.gathered((items.pair(every[k], where) for k in range(len(every))), len(every), where, size)
    raise InputError(f"the data are {where}{_hint(data)}; {EXPECTED}")


def _array(data: Any, where: str) -> np.ndarray:
    """An array of numbers, as torch and NumPy can be asked for one.

    Raises:
        InputError: they cannot, or values are masked.
    """
    try:
        found = items.to_numpy(data) if isinstance(data, Tensor) else np.asanyarray(data)
    except (TypeError, ValueError, RuntimeError, NotImplementedError) as error:
        raise InputError(
            f"{where} cannot be made a NumPy array ({type(error).__name__}); give plain numbers"
        ) from error
    if np.ma.is_masked(found):
        raise InputError(f"{where} has masked values; fill them")
    return np.asarray(found)


def _has_length(data: object) -> bool:
    try:
        return len(data) >= 0  # type: ignore[arg-type]
    except TypeError:
        return False


def _has_items(data: object) -> bool:
    """Whether data come one by one: a map-style data set, or a list."""
    return hasattr(data, "__getitem__") and _has_length(data) and not isinstance(data, Mapping | tuple | str | bytes)


def _hint(data: object) -> str:
    """What to do with what is nearly right."""
    if isinstance(data, torch.utils.data.DataLoader):
        return ", which gives batches: give its dataset, and to train the loader itself as batches"
    if isinstance(data, torch.utils.data.IterableDataset) or hasattr(data, "__next__"):
        return ", which has no length: gather it into a tensor"
    if isinstance(data, items.DATUM):
        return ": put a single image into a list"
    if isinstance(data, tuple):
        return ": give the data, and labels as labels="
    if isinstance(data, Mapping):
        return f" with the keys {', '.join(map(str, list(data)[:5]))}: give one of them"
    return ""
