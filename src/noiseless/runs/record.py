"""What run.json says of a run: written when it begins, and checked whenever it is read.

It holds names, numbers and texts alone; code is named in it, and never run because of it.
"""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from noiseless import data as datasets
from noiseless.data import Data
from noiseless.errors import InputError
from noiseless.files import read_json, write_json
from noiseless.registry import name_of
from noiseless.training import BatchStream, Training
from noiseless.values import Spec

__all__ = [
    "FORMAT",
    "mark_saved",
    "new_identity",
    "of_data",
    "plain",
    "read",
    "refuse_changed",
    "refuse_lost",
    "with_new_names",
]

FORMAT = 1
ADDED = {"ema_form": "constant", "lr_floor": None, "lr_cooldown": None, "recalibrate": 0}
"""Settings of training that older runs do not have, and what they stood for."""
RENAMED = {"latent": "latent_dim"}
"""Names of older runs, and what they are called now."""
RECORD = {
    "recipe": str,
    "arguments": dict,
    "defaults": dict,
    "constants": dict,
    "data": dict,
    "training": dict,
    "notes": list,
}
LEFT = ("best.safetensors", "log.jsonl", "results.json")
"""What a training leaves beside its checkpoint."""
DATA_RECORD = {"source", "data_dir", "size", "fingerprint", "name", "shape", "shift", "scale"}


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
    record["training"] = ADDED | record["training"] if isinstance(record.get("training"), dict) else None
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
            "copy of it, or train a new run in another --out"
        )
    if record.get("init_from") and not (directory / "initial.safetensors").is_file():
        raise InputError(
            f"{directory} starts from the weights of {record['init_from']}, and its initial.safetensors, which had "
            "them, is missing; restore a copy of it, or train a new run in another --out"
        )


def new_identity() -> str:
    """What tells a run from every other: a random number, which each of its files has too."""
    return secrets.token_hex(8)


def mark_saved(directory: Path) -> None:
    """Notes in run.json that there was a checkpoint, once there is one."""
    path = directory / "run.json"
    record = read_json(path) if path.is_file() else {"saved": True}
    if not record.get("saved"):
        write_json(path, record | {"saved": True})


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


def _check(path: Path, record: Mapping[str, Any]) -> None:
    """Refuses a run.json that was changed by hand or cut short."""
    wrong = [key for key, kind in RECORD.items() if not isinstance(record.get(key), kind)]
    wrong = wrong or [f"data: {key}" for key in sorted(DATA_RECORD - record["data"].keys())]
    wrong = wrong or [
        f"training: {key}" for key in sorted(record["training"].keys() ^ Training.__dataclass_fields__.keys())
    ]
    if wrong:
        raise InputError(
            f"{path} is damaged or of another version: look at its {wrong[0]!r}; restore a copy, or train anew"
        )
