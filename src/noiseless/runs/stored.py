"""The tensors that a run keeps in its folder, each file with the identity of the run: a file of another is refused.

Files and runs of older versions do not say whose they are, and are taken as they are found.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

from torch import Tensor

from noiseless.errors import InputError
from noiseless.files import read_header, read_json, read_tensors, write_tensors
from noiseless.files.schema import Count, Range, conform

__all__ = ["header", "read", "write"]

Rate = Annotated[float, Range(0, 1e30)]


class Header(TypedDict, total=False):
    """The header of any file; older versions have none of it."""

    run: str
    tensors: Count


class Schedule(TypedDict, total=False):
    """The counters of a schedule."""

    best: float | None
    num_bad_epochs: Count
    cooldown_counter: Count
    last_epoch: Annotated[int, Range(-1, 2**53)]
    _last_lr: list[Rate]
    _step_count: Count


class Kept(Header, total=False):
    """What a checkpoint may have beside its counters."""

    optimisers: dict[str, dict[str, bool | float | Literal["inf", "-inf", "nan"]]]
    log: list[str]
    first: dict[str, float]


class Checkpoint(Kept):
    """The header of a checkpoint: see :meth:`noiseless.training.State.scalars`."""

    step: Count
    seconds: Annotated[float, Range(0)]
    best: float | None
    bad: Count
    rates: list[list[Rate]]
    schedules: list[Schedule]


def write(directory: Path, name: str, tensors: Mapping[str, Tensor], scalars: Mapping[str, Any]) -> None:
    """Writes tensors into a run's folder, and counters with the run's identity into their header."""
    identity = _identity(directory)
    about = {**scalars, "tensors": len(tensors)} | ({} if identity is None else {"run": identity})
    write_tensors(directory / name, tensors, about)


def read(directory: Path, name: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the header of a file in a run's folder.

    Raises:
        InputError: it does not exist, is damaged, or is of another run.
    """
    about, tensors = header(directory, name), read_tensors(directory / name)
    if about.get("tensors", len(tensors)) != len(tensors):
        had = f"it has {len(tensors)} tensors, and had {about['tensors']}"
        raise InputError(f"{directory / name} is damaged: {had}; restore a copy, or train anew")
    return tensors, about


def header(directory: Path, name: str) -> dict[str, Any]:
    """The header alone; errors as for :func:`read`."""
    about, identity = read_header(directory / name), _identity(directory)
    conform(directory / name, about, Checkpoint if name == "checkpoint.safetensors" else Header)
    if about.get("run", identity) != identity:
        raise InputError(
            f"{directory / name} is of another run ({about['run']}) than {directory} ({identity or 'without an id'}); "
            "put back the file of this run, or open the folder that the file came from"
        )
    return about


def _identity(directory: Path) -> str | None:
    """What run.json calls the run; None for one of an older version."""
    path = directory / "run.json"
    record = read_json(path) if path.is_file() else None
    found = record.get("id") if isinstance(record, dict) else None
    return found if isinstance(found, str) else None
