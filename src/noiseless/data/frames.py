"""Data frames of numbers -> arrays: pandas, polars, and whatever else narwhals reads; no frame library is imported.

Where narwhals is not installed, a frame is what has ``columns`` and ``to_numpy``, as those of pandas and polars.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np

from noiseless.data.arrays import as_float32
from noiseless.errors import InputError

__all__ = ["is_frame", "names", "numbers"]

SHOWN = 5


def is_frame(data: object) -> bool:
    """Whether ``data`` are a frame, lazy ones included, whose columns are not looked up."""
    kind = type(data)
    return hasattr(kind, "columns") and (hasattr(kind, "to_numpy") or hasattr(kind, "collect"))


def names(frame: Any) -> tuple[str, ...]:
    """The names of the columns; none if one occurs twice."""
    found = tuple(map(str, frame.columns))
    return found if len(set(found)) == len(found) else ()


def numbers(frame: Any, where: str) -> np.ndarray:
    """The columns of a frame as float32, (N, D).

    Arguments:
        frame: of numbers and booleans.
        where: what the errors call it.

    Raises:
        InputError: a column holds something else, or misses values; or the frame is lazy.
    """
    if not hasattr(frame, "to_numpy"):
        raise InputError(f"{where} is lazy; collect it first")
    return _by_narwhals(frame, where) if find_spec("narwhals") is not None else _by_type(frame, where)


def _by_narwhals(frame: Any, where: str) -> np.ndarray:
    import narwhals as nw

    try:
        known = nw.from_native(frame, eager_only=True)
    except (TypeError, ValueError):  # a frame that narwhals does not know, or with a column name twice
        return _by_type(frame, where)
    schema = known.schema
    _refuse(
        where, [f"{name!r} in {kind}" for name, kind in schema.items() if not (kind.is_numeric() or kind == nw.Boolean)]
    )
    missing = {name: known[name].null_count() for name in schema}
    _refuse_missing(where, [f"{count} in {name!r}" for name, count in missing.items() if count])
    array = np.empty((len(known), len(schema)), dtype=np.float64)
    for column, name in zip(array.T, schema, strict=True):
        column[:] = known[name].to_numpy()
    return as_float32(where, array, list(schema))


def _by_type(frame: Any, where: str) -> np.ndarray:
    kinds = dict(zip(map(str, frame.columns), map(str, frame.dtypes), strict=True)) if hasattr(frame, "dtypes") else {}
    array = np.asarray(frame.to_numpy())
    if array.dtype.kind not in "buif":
        _refuse(where, [f"{name!r} in {kind}" for name, kind in kinds.items()] or [f"all in {array.dtype}"])
    return as_float32(where, array, list(kinds))


def _refuse(where: str, columns: list[str]) -> None:
    if columns:
        raise InputError(
            f"{where} has columns that are not numeric, {_some(columns)}; drop them, or encode them as numbers"
        )


def _refuse_missing(where: str, columns: list[str]) -> None:
    if columns:
        raise InputError(f"{where} has missing values, {_some(columns)}; drop or fill them")


def _some(columns: list[str]) -> str:
    return ", ".join(columns[:SHOWN]) + (f" and {len(columns) - SHOWN} more" if len(columns) > SHOWN else "")
