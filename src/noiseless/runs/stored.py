"""The tensors that a run keeps in its folder, each file with the identity of the run: a file of another is refused.

Files and runs of older versions do not say whose they are, and are taken as they are found.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from noiseless.errors import InputError
from noiseless.files import read_header, read_json, read_tensors, write_tensors

__all__ = ["header", "read", "write"]


def write(directory: Path, name: str, tensors: Mapping[str, Tensor], scalars: Mapping[str, Any]) -> None:
    """Writes tensors into a run's folder, and counters with the run's identity into their header."""
    identity = _identity(directory)
    write_tensors(directory / name, tensors, scalars if identity is None else {**scalars, "run": identity})


def read(directory: Path, name: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the header of a file in a run's folder.

    Raises:
        InputError: it does not exist, is damaged, or is of another run.
    """
    about = header(directory, name)
    return read_tensors(directory / name), about


def header(directory: Path, name: str) -> dict[str, Any]:
    """The header alone; errors as for :func:`read`."""
    about, identity = read_header(directory / name), _identity(directory)
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
