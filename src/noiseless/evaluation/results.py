"""Rows of results in a run's folder: what a number depends on stands beside it, and nothing is measured twice.

A :class:`Result` is a row: its numbers, and all that they depend on, its :class:`Protocol`. A new row takes the place
of an earlier one of the same protocol; rows of another n, seed, reference or of other weights stay. On disk a row is
one flat JSON object, without what does not apply to it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_type_hints

from noiseless.errors import InputError
from noiseless.files import locked, read_json, write_json
from noiseless.files.schema import conform
from noiseless.registry import offered

__all__ = ["CODES", "Protocol", "Reference", "Result", "Value", "key", "known", "noted", "record"]

CODES = "latent.json"
"""The file of the rows of codes."""
Reference = Literal["test", "validation", "train"]
Value: TypeAlias = int | float | Sequence[float] | None
"""A number, several of them, or a blank: a metric that does not apply, or too few data."""


@dataclass(frozen=True)
class Protocol:
    """What the numbers of a row depend on; None where it does not apply.

    Arguments:
        row: what was measured: reconstruction, samples, an interpolation, the data themselves.
        n: how many.
        density: of samples.
        decoding: of strings.
        part: of codes, the part of the data that was encoded.
        reference, n_reference: the part that is compared with, and how many of it.
        features: what both sides are compared by.
        seed: of every random choice.
        data, fingerprint: the data set.
        weights: of the model, and the moments of its batch norms.
        weights_hash: which weights these were; rows of older versions do not say.
        asked: the number requested; not a part of the protocol if fewer are available.
    """

    row: str
    n: int
    density: str | None = None
    decoding: str | None = None
    part: str | None = None
    reference: Reference | None = None
    n_reference: int | None = None
    features: str | None = None
    seed: int | None = None
    data: str | None = None
    fingerprint: str | None = None
    weights: str | None = None
    weights_hash: str | None = None
    asked: int | None = field(default=None, compare=False)


FIELDS = get_type_hints(Protocol) | dict.fromkeys(("warnings", "notes", "metrics"), list[str])
FIRST = ("row", "density", "decoding", "n")
LAST = (
    "part",
    "reference",
    "n_reference",
    "features",
    "seed",
    "data",
    "fingerprint",
    "asked",
    "weights",
    "weights_hash",
)
"""Of a protocol, what stands before a row's numbers, and what after."""


@dataclass(frozen=True)
class Result:
    """A row.

    Arguments:
        protocol: what its numbers depend on.
        values: its numbers, by column.
        warnings: caveats about these numbers.
        notes: what the method says about every number that it gives.
        metrics: the names of metrics that are not the package's.
    """

    protocol: Protocol
    values: Mapping[str, Value] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    notes: Sequence[str] = ()
    metrics: Sequence[str] = ()

    def number(self, column: str) -> float | None:
        """The number of a column; None where it is blank, or there is no such column."""
        value = self.values.get(column)
        return value if isinstance(value, int | float) else None

    def to_json(self) -> dict[str, Any]:
        """The row as one flat JSON object.

        >>> Result(Protocol("samples", 10, "gmm", seed=0), {"fd": 1.5}).to_json()
        {'row': 'samples', 'density': 'gmm', 'n': 10, 'fd': 1.5, 'seed': 0}
        """
        compared, measured = self.protocol.reference is not None, self.protocol.weights is not None
        blank = {"density"} if compared else set()  # what is compared may have no density, and says so
        warnings = {"warnings": list(self.warnings)} if compared or self.warnings else {}
        notes = {"notes": list(self.notes)} if measured or self.notes else {}
        named = {"metrics": list(self.metrics)} if self.metrics else {}
        return self._given(FIRST, blank) | dict(self.values) | named | warnings | self._given(LAST) | notes

    def _given(self, names: Iterable[str], blank: Iterable[str] = ()) -> dict[str, Any]:
        values = {name: getattr(self.protocol, name) for name in names}
        return {name: value for name, value in values.items() if value is not None or name in blank}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Result:
        """The row that :meth:`to_json` has written, or an earlier version.

        >>> row = {"row": "samples", "density": "gmm", "n": 10, "fd": 1.5, "seed": 0}
        >>> Result.from_json(row).to_json() == row
        True

        Raises:
            InputError: it does not say what was measured, and how many.
        """
        for name in ("row", "n"):
            if name not in row:
                raise InputError(f"a row of results has no {name!r}; restore a copy, or measure it again")
        about = {entry.name: row[entry.name] for entry in fields(Protocol) if entry.name in row}
        texts = {name: tuple(row.get(name, ())) for name in ("warnings", "notes", "metrics")}
        values = {name: value for name, value in row.items() if name not in about.keys() | texts.keys()}
        return cls(Protocol(**about), values, **texts)


def key(columns: Iterable[str]) -> list[str]:
    """What columns of a table mean, a line each; nothing on those that no metric of the package explains.

    >>> key(["method", "fd"])
    ["fd: Fréchet distance of the features' Gaussians, from 0; lower is better"]
    """
    meanings = offered("noiseless.metrics", "KEYS")
    return [f"{column}: {meanings[column]}" for column in columns if column in meanings]


def noted(rows: Iterable[Result], weights: str, weights_hash: str, notes: Sequence[str]) -> list[Result]:
    """The rows with the weights of the model, and what its method says about every number it gives."""
    about: Any = {"weights": weights, "weights_hash": weights_hash or None}
    return [replace(row, protocol=replace(row.protocol, **about), notes=tuple(notes)) for row in rows]


def record(directory: Path, rows: Sequence[Result], name: str = "results.json") -> Path:
    """Adds rows to a file of rows in a folder; a row of the same protocol replaces the earlier one.

    An earlier row that does not say which weights it is of is replaced too.
    """
    path = directory / name
    fresh = {protocol for row in rows for protocol in (row.protocol, replace(row.protocol, weights_hash=None))}
    with locked(path):
        kept = [row for row in _recorded(path) if row.protocol not in fresh]
        write_json(path, [row.to_json() for row in (*kept, *rows)])
    return path


def known(
    directory: Path,
    fingerprint: str,
    features: str | None,
    names: Sequence[str],
    *,
    n: int,
    seed: int = 0,
    part: Reference | None = "test",
    weights: str = "best",
    weights_hash: str | None = None,
    metrics: Collection[str] = (),
    file: str = "results.json",
) -> list[Result]:
    """The rows that a file has of some weights against a part; none unless all densities and metrics are.

    Arguments:
        directory: the folder of the file.
        fingerprint, features, n, seed, part, weights: what the rows depend on; codes are compared with nothing, under
            no features.
        names: the densities.
        weights_hash: of the weights; None takes rows of any. A row that does not say whose it is is taken.
        metrics: further metrics that the rows must have.
        file: its name.
    """
    wanted = (features, part, seed, n, weights, fingerprint)
    rows = [row for row in _recorded(directory / file) if _terms(row.protocol) == wanted]
    if weights_hash is not None:
        rows = [row for row in rows if row.protocol.weights_hash in (None, weights_hash)]
    found = [row for row in rows if set(row.metrics) >= set(metrics)]
    densities = {row.protocol.density for row in found}
    return [row for row in found if row.protocol.density in {None, *names}] if densities >= set(names) else []


def _terms(protocol: Protocol) -> tuple[object, ...]:
    """What the rows of one evaluation share."""
    about = (protocol.features, protocol.reference, protocol.seed, protocol.asked)
    return (*about, protocol.weights, protocol.fingerprint)


def _recorded(path: Path) -> list[Result]:
    rows = read_json(path) if path.is_file() else []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError(f"{path} does not hold rows of results; move it away, or choose another folder (out=)")
    for number, row in enumerate(rows, start=1):
        for name, value in row.items():
            hint = FIELDS.get(name, float | str | list[float] | None)
            conform(path, value, hint, f"row {number}: {name}", "move it away, or restore a copy")
    return [Result.from_json(row) for row in rows]
