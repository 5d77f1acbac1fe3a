"""The data of a run, found again where run.json says that they are, or given again; other data are refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from noiseless import data as datasets
from noiseless.data import Data
from noiseless.errors import InputError
from noiseless.registry import name_of
from noiseless.runs.user_code import UserCode
from noiseless.values import Spec

__all__ = ["found_again", "given_again"]


def found_again(directory: Path, record: Mapping[str, Any], own: UserCode, data_dir: Path | None) -> Data:
    """The data that a run was trained on; arguments and errors as for :meth:`noiseless.runs.Run.data`.

    Arguments:
        directory, own: of the run.
        record: what its run.json says.
        data_dir: where to look for named data sets first.
    """
    about = record["data"]
    if about.get("in_memory") and own.source is None:
        raise InputError(
            f"{directory} was trained on {about['source']}, which the run does not keep: give it again "
            "(resume(data=...), load(..., data=...)), or save it to a file and name that with "
            "own=UserCode(source=...)"
        )
    source = own.source_of(about["source"], directory)
    try:
        found = datasets.load(
            source, size=about["size"], data_dir=data_dir or _kept(about), seed=record["training"]["seed"]
        )
    except InputError as error:
        said = (
            ""
            if source != about["source"]
            else "; if they have moved, say where they are with own=UserCode(source=...)"
        )
        raise InputError(f"the data of {directory} cannot be loaded: {error}{said}") from error
    if found.fingerprint != about["fingerprint"]:
        called = source if isinstance(source, str) else name_of(source)
        raise InputError(
            f"the data {called!r} have changed since {directory} was trained on them "
            f"(fingerprint {found.fingerprint}, then {about['fingerprint']}); say where those are with "
            "own=UserCode(source=...)"
        )
    return found


def given_again(directory: Path, record: Mapping[str, Any], spec: Spec, data: object, data_dir: Path | None) -> Data:
    """Data that are given as those of a run; arguments as for :func:`found_again`.

    Raises:
        InputError: they are others.
    """
    about = record["data"]
    where: dict[str, Any] = {"size": about["size"], "seed": record["training"]["seed"]}
    found = (
        data if isinstance(data, Data) else datasets.load(data, data_dir=data_dir or _kept(about), like=spec, **where)
    )
    if found.fingerprint != about["fingerprint"]:
        raise InputError(
            f"{found.source} is not what {directory} was trained on, {about['source']} (fingerprint "
            f"{found.fingerprint}, then {about['fingerprint']}); give the same data, with the same labels"
        )
    return found


def _kept(about: Mapping[str, Any]) -> Path | None:
    """The folder of named data sets that training looked in first."""
    return Path(about["data_dir"]) if about["data_dir"] else None
