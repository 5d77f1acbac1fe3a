"""Rows of results in a run's folder: what a number depends on stands beside it, and nothing is measured twice.

A row is a dictionary: what was measured, its numbers, and all that they depend on, its protocol. A new row takes the
place of an earlier one of the same protocol; rows of another n, seed, reference or of other weights stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from noiseless.errors import InputError
from noiseless.files import read_json, write_json

__all__ = ["Reference", "Row", "known", "noted", "record"]

Row = dict[str, Any]
Reference = Literal["test", "validation", "train"]


def noted(rows: Iterable[Row], weights: str, notes: Sequence[str]) -> list[Row]:
    """`rows` with the weights of the model, and what its method says about every number it gives."""
    return [row | {"weights": weights, "notes": list(notes)} for row in rows]


def record(directory: Path, rows: list[Row], name: str = "results.json") -> Path:
    """Adds rows to a file of rows in a folder; a row of the same protocol replaces the earlier one."""
    path = directory / name
    fresh = {_protocol(row) for row in rows}
    write_json(path, [row for row in _recorded(path) if _protocol(row) not in fresh] + rows)
    return path


def known(
    directory: Path,
    fingerprint: str,
    features: str,
    names: Sequence[str],
    *,
    n: int,
    seed: int = 0,
    part: Reference = "test",
    weights: str = "best",
) -> list[Row]:
    """The rows that `results.json` has of some weights against a part; none unless all densities are there."""
    rows = _recorded(directory / "results.json")
    protocol = {"features": features, "reference": part, "seed": seed, "asked": n}
    protocol |= {"weights": weights, "fingerprint": fingerprint}
    found = [row for row in rows if all(row.get(k) == v for k, v in protocol.items())]
    densities = {row["density"] for row in found}
    return [row for row in found if row["density"] in {None, *names}] if densities >= set(names) else []


def _protocol(row: Row) -> tuple[Any, ...]:
    keys = ("row", "density", "decoding", "n", "part", "reference", "n_reference", "features")
    return tuple(row.get(key) for key in (*keys, "seed", "data", "fingerprint", "weights"))


def _recorded(path: Path) -> list[Row]:
    rows = read_json(path) if path.is_file() else []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError(f"{path} does not hold rows of results; move it away, or choose another --out")
    return rows
