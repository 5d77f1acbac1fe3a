r"""The result of a loader: one array of all data, their labels, and the split of each row.

A loader is a function of a :class:`LoadOptions`. Further parameters need defaults and become options in the name
(``synthetic:16`` or ``synthetic:n=16``). A module of this package that defines ``DATASETS``, a dictionary from names to
loaders, adds these names to the library; no other file has to change. A user's function, given as an object, as
``MODULE:NAME`` or by an entry point in the group ``noiseless.data`` (:mod:`noiseless.registry`), may omit the
:class:`LoadOptions`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from noiseless.errors import InputError
from noiseless.strings.codec import Codec

__all__ = ["TEST", "TRAIN", "VALIDATION", "LoadOptions", "Raw", "joined"]

TRAIN, VALIDATION, TEST = 0, 1, 2


@dataclass(frozen=True)
class LoadOptions:
    """The user's options for a loader.

    Arguments:
        size: the height and width to which images are resized, or None to keep their size.
        data_dir: the folder to search first.
    """

    size: int | None = None
    data_dir: Path | None = None


@dataclass(frozen=True)
class Raw:
    """All rows of a data set, before missing splits are drawn.

    Arguments:
        name: the data set's name.
        array: images (M, C, H, W) in uint8 or in float32 in [0, 1], or float32 vectors (M, D). Other layouts and dtypes
            are converted by the rules of :mod:`noiseless.data.arrays`. Sequences of tokens (M, T) in uint8 need a
            ``codec``.
        labels: M classes, -1 for rows without one; or None.
        parts: ``TRAIN``, ``VALIDATION`` or ``TEST`` for each of the M rows; None if all are training data.
        held_out: number of training examples to draw for validation; None means a tenth.
        codec: decodes the array to strings if it contains tokens.
        kind: the kind of strings, as in :class:`noiseless.values.Spec`.
        notes: remarks on the data for the user.
        columns: the names of a frame's columns, each different; else empty.
    """

    name: str
    array: np.ndarray
    labels: np.ndarray | None = None
    parts: np.ndarray | None = None
    held_out: int | None = None
    codec: Codec | None = None
    kind: str = ""
    notes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    def in_order(self, columns: tuple[str, ...], holder: str) -> Raw:
        """With its columns in the order of others of the same names; as it is where either side has no names.

        Raises:
            InputError: the names are not the same; ``holder`` is what the error calls the model of the others.
        """
        if not self.columns or not columns or self.columns == columns:
            return self
        missing, more = (
            [name for name in one if name not in other]
            for one, other in ((columns, self.columns), (self.columns, columns))
        )
        if missing or more:
            said = [f"lacks {', '.join(map(repr, missing[:5]))}"] * bool(missing)
            said += [f"has {', '.join(map(repr, more[:5]))}"] * bool(more)
            raise InputError(
                f"{self.name} has other columns than the data of {holder}: it {' and '.join(said)}; give the same"
            )
        return replace(self, array=self.array[:, [self.columns.index(name) for name in columns]], columns=columns)


def joined(
    name: str,
    arrays: Sequence[np.ndarray],
    labels: Sequence[np.ndarray | None],
    parts: Sequence[int],
    held_out: int | None = None,
) -> Raw:
    """A :class:`Raw` from one array per split.

    Raises:
        InputError: the arrays differ in the shape or dtype of a row, or there is not one label per row.
    """
    _refuse_unlike(name, arrays)
    columns = [_column(name, array, column) for array, column in zip(arrays, labels, strict=True)]
    counts = [len(array) for array in arrays]
    return Raw(
        name,
        np.concatenate(arrays) if len(arrays) > 1 else arrays[0],
        None if all(column is None for column in labels) else np.concatenate(columns),
        np.repeat(np.array(parts, dtype=np.int8), counts),
        held_out,
    )


def _refuse_unlike(name: str, arrays: Sequence[np.ndarray]) -> None:
    first = arrays[0]
    for other in arrays[1:]:
        if other.shape[1:] != first.shape[1:] or other.dtype != first.dtype:
            raise InputError(
                f"{name}: the splits differ, rows of {first.shape[1:]} in {first.dtype} and of {other.shape[1:]} in "
                f"{other.dtype}; give all splits the same shape and type"
            )


def _column(name: str, array: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
    if labels is None:
        return np.full(len(array), -1, dtype=np.int64)
    flat = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if flat.shape != (len(array),) or flat.dtype.kind not in "iub":
        raise InputError(
            f"{name}: labels of shape {labels.shape} in {labels.dtype} for {len(array)} examples; "
            f"expected {len(array)} integers"
        )
    return flat.astype(np.int64)
