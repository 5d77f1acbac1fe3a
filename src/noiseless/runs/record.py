"""What run.json says of a run: written when it begins, and checked whenever it is read.

It holds names, numbers and texts alone; code is named in it, and never run because of it.
"""

from __future__ import annotations

import dataclasses
import math
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

from noiseless import data as datasets
from noiseless.data import Data
from noiseless.errors import InputError
from noiseless.files import read_json, write_json
from noiseless.files.schema import Count, Range, conform
from noiseless.registry import name_of
from noiseless.training import BatchStream, Training
from noiseless.values import Spec

__all__ = [
    "FORMAT",
    "amend",
    "folder_of",
    "new_identity",
    "of_data",
    "plain",
    "read",
    "refuse_changed",
    "refuse_lost",
    "settings",
    "with_new_names",
]

FORMAT = 1
ADDED = {"ema_form": "constant", "lr_floor": None, "lr_cooldown": None, "recalibrate": 0}
"""Settings of training that older runs do not have, and what they stood for."""
RENAMED = {"latent": "latent_dim"}
"""Names of older runs, and what they are called now."""
RATES = ("lr_factor", "lr_floor", "lr_cooldown", "ema", "clip")
LEFT = ("best.safetensors", "log.jsonl", "results.json")
"""What a training leaves beside its checkpoint."""


class DataShape(TypedDict, total=False):
    """What run.json says of some data alone."""

    in_memory: bool
    batches: str
    train: Count
    validation: Count
    test: Count
    columns: list[str]
    tokens: Annotated[int, Range(0, 2**20)]
    language: str
    alphabet: str
    kind: str


class DataRecord(DataShape):
    """What run.json says of the data."""

    source: str
    data_dir: str | None
    size: Annotated[int, Range(1, 2**16)] | None
    fingerprint: str
    name: str
    shape: list[Annotated[int, Range(1, 2**24)]]
    shift: list[float]
    scale: list[Annotated[float, Range(5e-324)]]


class PrunedRecord(TypedDict):
    """What run.json says of what was pruned."""

    latent_dim: Count
    kept: list[Count]
    weights: Literal["best", "last", "average"]


class RunShape(TypedDict, total=False):
    """What older versions of run.json do not have, or some runs alone."""

    id: str
    saved: bool
    init_from: str | None
    pruned: PrunedRecord


class Record(RunShape):
    """run.json; its training is checked as :class:`noiseless.training.Training`, its arguments by the recipe."""

    noiseless: str
    torch: str
    processes: Annotated[int, Range(1, 2**20)]
    recipe: str
    arguments: dict[str, Any]
    defaults: dict[str, bool | float | str]
    constants: dict[str, float]
    data: DataRecord
    training: Training
    notes: list[str]


class Settled(TypedDict):
    """What a run has decided of its training, which those who train may leave open."""

    steps: Annotated[int, Range(1, 2**53)]
    batch: Annotated[int, Range(1, 2**31)]
    validate_every: Annotated[int, Range(1, 2**53)]
    log_every: Annotated[int, Range(1, 2**53)]
    threads: Annotated[int, Range(1, 2**16)]
    schedule: str
    device: str
    precision: Literal["float32", "bfloat16", "float64"]


def read(directory: Path) -> dict[str, Any]:
    """The record of the run in this folder.

    Raises:
        InputError: there is no run here, or one of another version.
    """
    path = directory / "run.json"
    if not path.is_file():
        raise InputError(f"{directory} is not a run: it has no run.json")
    record = read_json(path)
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        given = record.get("format") if isinstance(record, dict) else None
        raise InputError(f"{directory} is a run of format {given}; this version reads format {FORMAT}")
    for name in ("defaults", "constants"):
        record.setdefault(name, {})  # older runs do not have them
    for name in ("arguments", "defaults", "pruned"):
        if isinstance(record.get(name), dict):
            record[name] = with_new_names(record[name])
    if isinstance(record.get("training"), dict):
        record["training"] = ADDED | record["training"]
    _check(path, record)
    return record


def with_new_names(record: Mapping[str, Any]) -> dict[str, Any]:
    """What an older version wrote, with today's names, at every depth.

    >>> with_new_names({"networks": {"latent": 3}})
    {'networks': {'latent_dim': 3}}
    """
    return {
        RENAMED.get(name, name): with_new_names(value) if isinstance(value, Mapping) else value
        for name, value in record.items()
    }


def refuse_changed(directory: Path, record: Mapping[str, Any], constants: Mapping[str, float]) -> None:
    """Refuses to go on with a run whose recipe has other weights or rates by now.

    Raises:
        InputError: says which.
    """
    for name, then in record["constants"].items():
        if constants.get(name) != then:
            raise InputError(
                f"{directory} was trained with {name} {then:g}, and {record['recipe']} now has {constants.get(name)}; "
                "train anew, or give the recipe's arguments when it begins"
            )


def refuse_lost(directory: Path, record: Mapping[str, Any]) -> None:
    """Refuses to begin a training anew over what is left of one that was begun already.

    A run of this version says whether it ever had a checkpoint. One of an older version had one, as far as its weights,
    its log and its results tell.

    Raises:
        InputError: its checkpoint, or the weights that it is to start from, are missing.
    """
    left = [name for name in LEFT if (directory / name).is_file() and (directory / name).stat().st_size]
    if record.get("pruned") or record.get("saved", bool(left)):
        over = f"begin anew over {' and '.join(left)}" if left else "begin anew"
        raise InputError(
            f"{directory} was trained, and its checkpoint.safetensors is missing: resuming it would {over}; restore a "
            "copy of it, or train a new run in another folder (out=)"
        )
    if record.get("init_from") and not (directory / "initial.safetensors").is_file():
        raise InputError(
            f"{directory} starts from the weights of {record['init_from']}, and its initial.safetensors, which had "
            "them, is missing; restore a copy of it, or train a new run in another folder (out=)"
        )


def new_identity() -> str:
    """What tells a run from every other: a random number, which each of its files has too."""
    return secrets.token_hex(8)


def amend(directory: Path, changes: Mapping[str, Any]) -> None:
    """Changes fields of run.json, if it has them otherwise; nothing where there is no run.json."""
    path = directory / "run.json"
    record = read_json(path) if path.is_file() else dict(changes)
    if {**record, **changes} != record:
        write_json(path, {**record, **changes})


def plain(value: Any) -> Any:
    """``value`` as JSON holds it: dataclasses as the fields that differ from their defaults, objects by their name."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {f.name: plain(getattr(value, f.name)) for f in fields if getattr(value, f.name) != f.default}
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value if isinstance(value, str | int | float | None) else name_of(value)


def of_data(data: Data, size: int | None, data_dir: Path | None, batches: BatchStream | None = None) -> dict[str, Any]:
    """What a record says of the data: how to find them again, and what they look like.

    Arguments:
        data: as they were loaded.
        size, data_dir: with which they were.
        batches: what was trained on in place of their training part, if anything.
    """
    path = Path(data.source).expanduser()
    named = data.in_memory or data.source in datasets.names() or not path.exists()
    about: dict[str, Any] = {
        "source": data.source if named else str(path.resolve()),
        "data_dir": str(data_dir.resolve()) if data_dir is not None else None,
        "size": size,
        "fingerprint": data.fingerprint,
    }
    if data.in_memory:
        about["in_memory"] = True
    if batches is not None:
        about["batches"] = batches.described
    counts = {part: len(getattr(data, part)) for part in ("train", "validation", "test")}
    return about | counts | {f.name: plain(getattr(data.spec, f.name)) for f in dataclasses.fields(Spec)}


def folder_of(trained: object) -> Path:
    """The folder of a run that is given by its path.

    Raises:
        InputError: something else was given.
    """
    if not isinstance(trained, str | os.PathLike):
        raise InputError(f"a {type(trained).__name__} is not a run; expected its folder, a Run or a Model")
    return Path(trained)


def _check(path: Path, record: Mapping[str, Any]) -> None:
    """Refuses a run.json that was changed by hand or cut short."""
    conform(path, record, Record)
    for name in sorted(Training.__dataclass_fields__.keys() - record["training"].keys()):
        raise InputError(f"{path} is damaged or of another version: training.{name} is missing; restore a copy")
    conform(path, record["training"], Settled, "training")
    try:
        settings(record)
        if math.prod(record["data"]["shape"]) > 2**31 or not record["data"]["shape"]:
            raise InputError(f"data.shape is {record['data']['shape']}, and must be that of a datum")
        if len({len(record["data"][name]) for name in ("shift", "scale")} | _columns(record["data"])) > 1:
            raise InputError("data.shift and data.scale have other lengths than data.shape says")
    except InputError as error:
        raise InputError(f"{path} is damaged or of another version: {error}; restore a copy, or train anew") from error


def _columns(data: Mapping[str, Any]) -> set[int]:
    """How many columns data have that are shifted and scaled."""
    return set(data["shape"]) if data["shift"] else set()


def settings(record: Mapping[str, Any]) -> Training:
    """How a run was trained, as run.json says it."""
    found = {**record["training"], "track": tuple(record["training"]["track"])}
    found |= {name: float(found[name]) for name in RATES if found[name] is not None}
    return Training(**found)
