r"""A cache of decoded images, so that a second load maps a file instead of decoding.

An entry is a folder ``decoded/KEY`` with ``array.npy``, ``labels.npy``, ``parts.npy``, ``name`` (with the notes) and
``check``, a checksum of all of them. KEY is a hash of the source's absolute path, size and modification time (of every
image, for a folder) and of the options. Damaged entries are recreated; if the cache cannot be written, nothing is
cached.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from noiseless.data.archive import listing
from noiseless.data.raw import Raw
from noiseless.data.sources import cache, keeps_decoded
from noiseless.errors import RunError
from noiseless.files import atomic_write

__all__ = ["content", "remembered"]

VERSION = 2
CHUNK = 1 << 24
COLUMNS = ("labels", "parts")


def remembered(path: Path, options: object, make: Callable[[], Raw]) -> Raw:
    """The result of ``make``, from the cache if possible.

    Arguments:
        path: the folder or archive that ``make`` reads.
        options: what else the result depends on; its ``repr`` is part of the key.
        make: loads the data.
    """
    if not keeps_decoded():
        return make()
    entry = cache() / "decoded" / _key(path, options)
    known = _read(entry)
    return known if known is not None else _stored(entry, make())


def content(array: np.ndarray) -> Iterator[bytes]:
    """The bytes to checksum: dtype and shape, then the data in C order, some megabytes at a time."""
    yield f"{array.dtype.str}{array.shape}".encode()
    rows = max(1, CHUNK // max(1, array[:1].nbytes))
    for start in range(0, len(array), rows):
        yield np.ascontiguousarray(array[start : start + rows]).tobytes()


def _key(path: Path, options: object) -> str:
    digest = hashlib.sha256(repr((VERSION, str(path.resolve()), options)).encode("utf-8", "surrogateescape"))
    others: Counter[str] = Counter()
    files = listing(path, others) if path.is_dir() else {"": path.stat()}
    digest.update(repr(sorted(others.items())).encode("utf-8", "surrogateescape"))  # a note names them
    for name, status in files.items():
        digest.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\0".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:32]


def _read(entry: Path) -> Raw | None:
    try:
        # Copy-on-write: the file is not modified, and torch accepts the array without a warning.
        array = np.load(entry / "array.npy", mmap_mode="c", allow_pickle=False)
        labels, parts = (_column(entry / f"{name}.npy") for name in COLUMNS)
        name, *notes = json.loads((entry / "name").read_text("utf-8"))
        raw = Raw(name, array, labels, parts, notes=tuple(notes))
        return raw if (entry / "check").read_text("utf-8") == _check(raw) else None
    except (OSError, ValueError, EOFError, TypeError):
        return None


def _column(path: Path) -> np.ndarray | None:
    return np.load(path, allow_pickle=False) if path.exists() else None


def _stored(entry: Path, raw: Raw) -> Raw:
    try:
        with atomic_write(entry) as part:
            part.mkdir()
            _write(part, raw)
    except RunError:
        return raw
    return _read(entry) or raw


def _write(entry: Path, raw: Raw) -> None:
    np.save(entry / "array.npy", raw.array)
    for name, column in zip(COLUMNS, (raw.labels, raw.parts), strict=True):
        if column is not None:
            np.save(entry / f"{name}.npy", column)
    (entry / "name").write_text(json.dumps([raw.name, *raw.notes]), "utf-8")
    (entry / "check").write_text(_check(raw), "utf-8")


def _check(raw: Raw) -> str:
    digest = hashlib.sha256(repr((raw.name, raw.notes)).encode("utf-8", "surrogateescape"))
    for array in (raw.array, raw.labels, raw.parts):
        for piece in content(array) if array is not None else (b"none",):
            digest.update(piece)
    return digest.hexdigest()
