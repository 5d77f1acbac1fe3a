"""A split of a Hugging Face data set -> one array, and its labels; the package ``datasets`` is not imported.

What is taken is the column of images; where there is none, that of arrays or lists; where there is none either, all
columns of numbers, a vector for each row. Labels are the column of classes, or that of whole numbers called ``label``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from noiseless.data import items
from noiseless.data.raw import Raw
from noiseless.errors import InputError

__all__ = ["gathered", "has_columns"]

ARRAYS = ("Sequence", "List", "LargeList", "Array2D", "Array3D", "list")


def has_columns(data: object) -> bool:
    """Whether ``data`` are such a split."""
    return isinstance(getattr(data, "features", None), Mapping) and hasattr(data, "column_names")


def gathered(data: Any, where: str, size: int | None) -> Raw:
    """All rows; arguments as for :func:`noiseless.data.items.gathered`.

    Raises:
        InputError: no column can be taken, or it is not clear which; says of what kinds they are.
    """
    if not hasattr(data, "__len__"):
        raise InputError(f"{where} is streamed, without a length; load it without streaming")
    label, others = _label(data.features)
    for kinds in (("Image",), ARRAYS):
        found = [name for name in others if type(data.features[name]).__name__ in kinds]
        if len(found) > 1:
            raise InputError(f"{where} has the columns {', '.join(found)} to choose from; take one by select_columns")
        if found:
            return items.gathered(_rows(data, found[0], label, kinds != ("Image",)), len(data), where, size)
    if not others or not all(_is_number(data.features[name]) for name in others):
        listed = ", ".join(f"{name} ({_kind(feature)})" for name, feature in data.features.items())
        raise InputError(f"{where} has the columns {listed}; expected images, arrays, or numbers alone: select_columns")
    raw = items.gathered(_vectors(data, others, label), len(data), where, size)
    return replace(raw, columns=tuple(others))


def _label(features: Mapping[str, Any]) -> tuple[str | None, list[str]]:
    """The column of labels, if there is one, and the others."""
    classes = [name for name, feature in features.items() if type(feature).__name__ == "ClassLabel"]
    named = [
        name for name in items.LABELS if name in features and _kind(features[name]).startswith(("int", "uint", "bool"))
    ]
    label = next(iter(classes if len(classes) == 1 else named), None)
    return label, [name for name in features if name != label]


def _rows(data: Any, column: str, label: str | None, as_array: bool) -> Iterator[tuple[Any, Any]]:
    chosen = data.select_columns([column, *([label] if label else [])]) if hasattr(data, "select_columns") else data
    for k in range(len(chosen)):
        row = chosen[k]
        yield (np.asarray(row[column]) if as_array else row[column]), (row[label] if label else None)


def _vectors(data: Any, names: list[str], label: str | None) -> Iterator[tuple[Any, Any]]:
    for k in range(len(data)):
        row = data[k]
        yield np.array([row[name] for name in names], dtype=np.float64), (row[label] if label else None)


def _is_number(feature: Any) -> bool:
    return _kind(feature).startswith(("int", "uint", "float", "bool"))


def _kind(feature: Any) -> str:
    return str(getattr(feature, "dtype", None) or type(feature).__name__)
