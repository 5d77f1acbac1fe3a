r"""Arrays in ``.npy`` and ``.npz`` files, and the rules that decide whether an array contains images or vectors.

* Two axes are vectors (N, D) in any range; three are grey images (N, H, W); four are images.
* Of four axes, the channels are the second or the last: the one of length 1 to 4. If this holds for both or neither,
  the array is refused.
* The numbers of images follow the rules of :mod:`noiseless.data.intensities`.
* NaN and infinities are refused, and so are columns of vectors that float32 cannot hold: those that rounding changes by
  more than a hundredth of their standard deviation.

In an ``.npz`` file, the data are stored as ``x``, ``images`` or ``data``, or as the only array; or as ``x_train`` and
``x_test`` (and ``x_val``), ``train_images`` and ``test_images``, ``train`` and ``test``. ``x``, ``images`` or ``data``
beside a test or validation part are the training part. Labels are stored as ``y`` or ``labels``, and ``y_train`` or
``train_labels`` and so on. A note names arrays that are not used. An ``.npy`` file is memory-mapped instead of read if
its dtype is right. Nothing is unpickled.
"""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from noiseless.data import intensities
from noiseless.data.archive import refuse_bomb, stem
from noiseless.data.raw import TEST, TRAIN, VALIDATION, Raw, joined
from noiseless.errors import InputError

__all__ = ["DAMAGE", "as_float32", "load", "standard"]

DAMAGE = (OSError, ValueError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error, SyntaxError, tokenize.TokenError)
PARTS = ((TRAIN, ("train",)), (VALIDATION, ("val", "valid", "validation")), (TEST, ("test",)))
WHOLE = ("x", "images", "data")
LABELS = ("y", "labels", "label")
ROUNDING, SHOWN = 0.01, 5


def load(path: Path) -> Raw:
    """The data of an ``.npy`` or ``.npz`` file.

    Raises:
        InputError: the file is damaged or pickled, or its arrays break the rules above.
    """
    if path.suffix.lower() == ".npz":
        return _from_keys(path, _unpacked(path))
    try:
        # Copy-on-write: the file is not modified, and torch accepts the array without a warning.
        array = np.lib.format.open_memmap(path, mode="c")
    except DAMAGE as error:
        raise _unreadable(path, error) from error
    return Raw(stem(path), standard(str(path), array))


def _unpacked(path: Path) -> dict[str, np.ndarray]:
    try:
        with path.open("rb") as stream:
            _refuse_bomb(path, stream)
            found = np.load(stream, allow_pickle=False)
            arrays = None if isinstance(found, np.ndarray) else {key: found[key] for key in found.files}
    except InputError:
        raise
    except DAMAGE as error:
        raise _unreadable(path, error) from error
    if arrays is None:
        raise InputError(f"{path} is a single array; name it .npy")
    return arrays


def _refuse_bomb(path: Path, stream: BinaryIO) -> None:
    if zipfile.is_zipfile(stream):
        with zipfile.ZipFile(stream) as archive:
            refuse_bomb(path, path.stat().st_size, sum(entry.file_size for entry in archive.infolist()))
    stream.seek(0)


def _unreadable(path: Path, error: BaseException) -> InputError:
    reason = "" if isinstance(error, ValueError) else f" ({error})"  # NumPy advises to load what may run code
    return InputError(f"{path} is damaged or holds Python objects{reason}; save it again as plain arrays of numbers")


def _from_keys(path: Path, arrays: Mapping[str, np.ndarray]) -> Raw:
    found = [(part, *pair) for part, words in PARTS if (pair := _pair(arrays, words)) is not None]
    if not found or found[0][0] != TRAIN:  # the training part may be what is called x beside x_test
        found.insert(0, (TRAIN, _whole(path, arrays, [key for _, key, _ in found]), _first(arrays, LABELS)))
    parts, keys, labels = zip(*found, strict=True)
    data = [standard(f"{path}:{key}", arrays[key]) for key in keys]
    columns = [arrays[key] if key is not None else None for key in labels]
    raw = joined(stem(path), data, columns, parts)
    unused = [key for key in arrays if key not in {*keys, *labels}]
    notes = (f"{path}: not used: {', '.join(unused)}",) if unused else ()
    return replace(raw, parts=raw.parts if len(parts) > 1 else None, notes=notes)


def _pair(arrays: Mapping[str, np.ndarray], words: tuple[str, ...]) -> tuple[str, str | None] | None:
    """The names of a part's data and labels."""
    keys = [form for word in words for form in (f"x_{word}", f"{word}_images", f"{word}_x", word)]
    key = next((key for key in keys if key in arrays), None)
    labels = [form for word in words for form in (f"y_{word}", f"{word}_labels", f"{word}_y")]
    return None if key is None else (key, _first(arrays, labels))


def _first(arrays: Mapping[str, np.ndarray], keys: Sequence[str]) -> str | None:
    return next((key for key in keys if key in arrays), None)


def _whole(path: Path, arrays: Mapping[str, np.ndarray], taken: Sequence[str]) -> str:
    named = [key for key in WHOLE if key in arrays]
    others = [key for key in arrays if key not in (*LABELS, *taken)]
    if len(named) > 1:
        raise InputError(f"{path} has both {' and '.join(named)}; keep one of them")
    if named or (len(others) == 1 and not taken):
        return (named or others)[0]
    raise InputError(
        f"{path} has the arrays {', '.join(arrays) or 'none'}; expected x, images or data, or x_train and x_test, or "
        f"a single array in addition to the labels y"
    )


def standard(where: str, array: np.ndarray) -> np.ndarray:
    """Images as (N, C, H, W) of uint8 or float32, vectors as (N, D) of float32, by the rules above.

    Arguments:
        where: what error messages call the array.
        array: the array.

    Raises:
        InputError: the array breaks the rules.
    """
    if array.dtype.kind not in "buif":
        raise InputError(f"{where} has the type {array.dtype}; expected integers or floating-point numbers")
    if array.ndim not in (2, 3, 4) or 0 in array.shape:
        raise InputError(
            f"{where} has the shape {array.shape}; expected vectors (N, D) or images (N, H, W), (N, C, H, W) or "
            f"(N, H, W, C), without empty axes"
        )
    return _vectors(where, array) if array.ndim == 2 else _images(where, array)


def _vectors(where: str, array: np.ndarray) -> np.ndarray:
    vectors = as_float32(where, array)
    intensities.extent(where, vectors)
    return vectors


def as_float32(where: str, array: np.ndarray, names: Sequence[str] = ()) -> np.ndarray:
    """Rows of numbers in float32, if that can hold how they differ.

    Arguments:
        where: what error messages call the array.
        array: numbers (N, D).
        names: what error messages call the columns; by default their numbers.

    Raises:
        InputError: rounding to float32 changes some column by more than a hundredth of its standard deviation.
    """
    with np.errstate(over="ignore"):  # values beyond float32's range become infinite and are refused as such
        rows = array.astype(np.float32, copy=False)
    if not rows.size or (array.dtype.itemsize <= rows.itemsize and array.dtype.kind in "bf"):
        return rows
    lost = []
    with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is refused elsewhere
        for column, kept in zip(array.T, rows.T, strict=True):
            exact = column.astype(np.float64)
            lost.append(bool(np.isfinite(kept).all() and np.abs(kept - exact).max() > ROUNDING * exact.std() > 0))
    if any(lost):
        called = [repr(names[k]) if names else str(k) for k, bad in enumerate(lost) if bad]
        shown = ", ".join(called[:SHOWN]) + (f" and {len(called) - SHOWN} more" if len(called) > SHOWN else "")
        raise InputError(
            f"{where} has columns whose values differ by too little for their size to be told apart in float32: "
            f"{shown}; subtract an offset, such as their mean, or use other units"
        )
    return rows


def _images(where: str, array: np.ndarray) -> np.ndarray:
    return intensities.stored(where, _channels_first(where, array))


def _channels_first(where: str, array: np.ndarray) -> np.ndarray:
    if array.ndim == 3:
        return array[:, None]
    second, last = (1 <= array.shape[axis] <= 4 for axis in (1, 3))
    if second == last:
        raise InputError(
            f"{where} has the shape {array.shape}, in which {'both' if second else 'neither'} of the second and the "
            f"last axis have 1 to 4 channels; give (N, C, H, W) or (N, H, W, C) with 1 to 4 channels and larger images"
        )
    return array if second else np.moveaxis(array, 3, 1)
