"""Data that come one by one, from a torch ``Dataset`` or a list -> one array, and their labels."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from noiseless.data.arrays import standard
from noiseless.data.decode import Framing, frame_count, pixels
from noiseless.data.pictures import refuse_size, stacked
from noiseless.data.progress import bar
from noiseless.data.raw import Raw
from noiseless.errors import InputError

__all__ = ["LABELS", "gathered", "pair", "to_numpy", "to_tensor"]

LABELS = ("label", "labels", "target", "targets", "class", "y")
DATUM = (Tensor, np.ndarray, Image.Image)


def gathered(pairs: Iterable[tuple[Any, Any]], count: int, where: str, size: int | None) -> Raw:
    """One array of all data, and their labels where all are whole numbers.

    Arguments:
        pairs: each a tensor, an array or a PIL image, and its label or None.
        count: how many.
        where: what errors call them all.
        size: to which PIL images are cropped and resized.

    Raises:
        InputError: there are none, or they differ in kind, shape or type; says which.
    """
    rows: _Images | _Arrays | None = None
    labels = []
    with bar("reading", count) as advance:
        for k, (datum, label) in enumerate(pairs):
            if rows is None:
                rows = _Images(where, size) if isinstance(datum, Image.Image) else _Arrays(where, count)
            rows.put(k, datum)
            labels.append(label)
            advance(1)
    if rows is None:
        raise InputError(f"{where} has no data; give one or more")
    return _labelled(Raw("dataset", rows.array()), labels)


def pair(item: object, where: str) -> tuple[Any, Any]:
    """The datum of an item and its label, or None.

    Raises:
        InputError: it holds no tensor, array or image, or several.
    """
    if isinstance(item, DATUM):
        return item, None
    if isinstance(item, tuple | list) and item and isinstance(item[0], DATUM):
        return item[0], item[1] if len(item) == 2 else None
    if isinstance(item, Mapping):
        labels = [key for key in LABELS if key in item]
        found = [value for key, value in item.items() if isinstance(value, DATUM) and key not in labels]
        if len(found) == 1:
            return found[0], item[labels[0]] if labels else None
    raise InputError(
        f"{where} has items such as {_kind(item)}; expected tensors, arrays or PIL images, alone, in pairs with a "
        "label, or in dictionaries with one of them"
    )


def to_numpy(x: Tensor) -> np.ndarray:
    """A tensor as an array; numbers that NumPy does not have, such as bfloat16, as float32."""
    x = x.detach().cpu().resolve_conj().resolve_neg()
    small = x.is_floating_point() and x.dtype not in (torch.float16, torch.float32, torch.float64)
    return (x.float() if small else x).numpy()


def to_tensor(data: object, where: str) -> Tensor:
    """Numbers of any layout, byte order and type as a tensor that torch computes with.

    Arguments:
        data: a tensor, an array, or nested lists of numbers.
        where: what errors call them.

    Raises:
        InputError: they are no real numbers, or some are masked.
    """
    if isinstance(data, Tensor):
        if data.is_complex() or data.is_quantized or data.layout != torch.strided:
            raise InputError(f"{where} are {_kind(data)}; expected real numbers in a dense tensor")
        return data.detach()
    try:
        array = np.asanyarray(data)
    except (TypeError, ValueError) as error:
        raise InputError(f"{where} are {_kind(data)}; expected an array of numbers") from error
    if array.dtype.kind not in "buif":
        raise InputError(f"{where} have shape {array.shape} in {array.dtype}; expected numbers")
    if np.ma.is_masked(array):
        raise InputError(f"{where} have masked values; fill them")
    kind = np.dtype(np.float64) if array.dtype.kind == "f" and array.dtype.itemsize > 8 else array.dtype
    native = np.asarray(array).astype(kind.newbyteorder("="), copy=not array.flags.writeable)
    return torch.from_numpy(np.ascontiguousarray(native))


class _Arrays:
    """Tensors and arrays, written into one array of the type and shape of the first."""

    def __init__(self, where: str, count: int) -> None:
        self.where, self.count = where, count
        self.rows: np.ndarray | None = None

    def put(self, k: int, datum: object) -> None:
        if not isinstance(datum, Tensor | np.ndarray):
            raise self._unlike(k, _kind(datum))
        row = to_numpy(datum) if isinstance(datum, Tensor) else datum
        if self.rows is None:
            self.rows = np.empty((self.count, *row.shape), dtype=row.dtype)
        if row.shape != self.rows.shape[1:] or row.dtype != self.rows.dtype:
            raise self._unlike(k, f"of shape {row.shape} in {row.dtype}")
        self.rows[k] = row

    def array(self) -> np.ndarray:
        return standard(self.where, np.empty(0) if self.rows is None else self.rows)

    def _unlike(self, k: int, kind: str) -> InputError:
        first = "arrays" if self.rows is None else f"of shape {self.rows.shape[1:]} in {self.rows.dtype}"
        return InputError(f"{self.where}: item {k} is {kind}, and those before are {first}; make all alike")


class _Images:
    """PIL images, decoded as those of files are."""

    def __init__(self, where: str, size: int | None) -> None:
        self.where, self.framing = where, Framing(size=size)
        self.images: dict[str, np.ndarray] = {}

    def put(self, k: int, datum: object) -> None:
        if not isinstance(datum, Image.Image):
            raise InputError(f"{self.where}: item {k} is {_kind(datum)}, and those before are images; make all alike")
        name, first = (f"item {i} of {self.where}" for i in (k, 0))
        if frame_count(datum) > 1:
            raise InputError(f"{name} has {frame_count(datum)} frames; give each as an image of its own, by copy()")
        try:
            image = pixels(name, datum, self.framing)
        except OSError as error:  # a file that is read only now
            raise InputError(f"{name} is a damaged image ({error}); repair or remove it") from error
        refuse_size(name, image, first, self.images.get(first, image))
        self.images[name] = image

    def array(self) -> np.ndarray:
        return stacked(self.images, list(self.images))


def _labelled(raw: Raw, labels: Sequence[object]) -> Raw:
    """The data with their labels, -1 for none, where all are whole numbers; with a note where they are not."""
    values = [x.item() if isinstance(x, Tensor | np.ndarray) and x.ndim == 0 else x for x in labels]
    others = [x for x in values if not isinstance(x, numbers.Integral) and x is not None]
    if others:
        said = (
            f"labels are left out: {len(others):,} of {len(values):,} are no whole numbers, such as {_kind(others[0])}"
        )
        return replace(raw, notes=(said,))
    whole = [int(x) if isinstance(x, numbers.Integral) else -1 for x in values]
    return raw if max(whole) < 0 else replace(raw, labels=np.array(whole, dtype=np.int64))


def _kind(item: object) -> str:
    """Types and shapes of an item, and no value."""
    if isinstance(item, Tensor | np.ndarray):
        return f"{type(item).__name__} of shape {tuple(item.shape)} in {item.dtype}"
    if isinstance(item, Image.Image):
        return f"an image of mode {item.mode}"
    if isinstance(item, Mapping):
        return f"a dictionary of {', '.join(f'{key}: {_kind(value)}' for key, value in item.items())}"
    if isinstance(item, tuple | list):
        return f"a {type(item).__name__} of {', '.join(map(_kind, item[:4])) or 'nothing'}"
    return f"a {type(item).__name__}"
