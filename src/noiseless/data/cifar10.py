r"""CIFAR-10 in its official binary version, from ``cifar-10-binary.tar.gz`` or its unpacked folder.

Each of its six files is a sequence of records of 3,073 bytes: the label, then 32x32 red, green and blue values. The
authors' Python version is refused, because it is a pickle, which can execute code when read. 10,000 of the 50,000
training images, drawn by seed, form the validation split.

Reference: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009,
https://www.cs.toronto.edu/~kriz/cifar.html.
"""

from __future__ import annotations

import lzma
import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from noiseless.data.archive import Header
from noiseless.data.raw import TEST, TRAIN, LoadOptions, Raw, joined
from noiseless.data.sources import absent, cache, download, folders
from noiseless.errors import InputError

__all__ = ["DATASETS", "cifar10"]

ARCHIVE = "cifar-10-binary.tar.gz"
FOLDER = "cifar-10-batches-bin"
FILES = (*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin")
PICKLES = ("cifar-10-python.tar.gz", "cifar-10-batches-py", "batches.meta")
ADDRESS = "https://www.cs.toronto.edu/~kriz/"
DIGEST = "md5:c32a1d4ab5d03f1284b67883e8d87530"
RECORD = 1 + 3 * 32 * 32
LARGEST = 100_000 * RECORD
HELD_OUT = 10_000


def cifar10(request: LoadOptions) -> Raw:
    """Small photographs: 60,000 colour images of 32x32, 10 classes (found or downloaded, 170 MB)."""
    records = [_records(name, content) for name, content in _contents(_place(request.data_dir))]
    images = [rows[:, 1:].reshape(-1, 3, 32, 32) for rows in records]
    labels = [rows[:, 0] for rows in records]
    return joined("cifar10", images, labels, [TRAIN] * 5 + [TEST], HELD_OUT)


DATASETS = {"cifar10": cifar10}


def _place(data_dir: Path | None) -> Path:
    searched = folders("cifar10", data_dir)
    for folder in searched:
        for place in (folder / FOLDER, folder):
            if all((place / file).is_file() for file in FILES):
                return place
        if (folder / ARCHIVE).is_file():
            return folder / ARCHIVE
    _refuse_pickles(searched)
    return _downloaded(searched)


def _refuse_pickles(searched: Sequence[Path]) -> None:
    found = next((folder / name for folder in searched for name in PICKLES if (folder / name).exists()), None)
    if found is not None:
        raise InputError(
            f"{found} is CIFAR-10 in its python version, a pickle, which could run any code when read; put the "
            f"binary version, {ADDRESS}{ARCHIVE}, next to it"
        )


def _downloaded(searched: Sequence[Path]) -> Path:
    path = cache() / "cifar10" / ARCHIVE
    try:
        download(ADDRESS + ARCHIVE, path, DIGEST)
    except InputError as error:
        raise absent("cifar10", f"{ARCHIVE} (or the folder {FOLDER})", searched, f"and {error}") from error
    return path


def _contents(place: Path) -> list[tuple[str, bytes]]:
    try:
        if place.is_dir():
            return [(str(place / file), (place / file).read_bytes()) for file in FILES]
        return _unpacked(place)
    except (OSError, EOFError, tarfile.TarError, zlib.error, lzma.LZMAError) as error:
        raise InputError(f"{place} cannot be read ({error}); download it again") from error


def _unpacked(archive: Path) -> list[tuple[str, bytes]]:
    found: dict[str, bytes] = {}
    with tarfile.open(archive, "r:*", tarinfo=Header) as tar:
        for member in tar:
            stream = tar.extractfile(member) if member.isfile() and member.size <= LARGEST else None
            if stream is not None and Path(member.name).name in FILES:
                found[Path(member.name).name] = stream.read()
    for file in FILES:
        if file not in found:
            raise InputError(f"{archive} holds no {file}; download {ADDRESS}{ARCHIVE} again")
    return [(f"{archive}:{file}", found[file]) for file in FILES]


def _records(name: str, content: bytes) -> np.ndarray:
    if not content or len(content) % RECORD:
        raise InputError(f"{name} has {len(content)} bytes, expected a multiple of {RECORD}; download it again")
    rows = np.frombuffer(content, dtype=np.uint8).reshape(-1, RECORD)
    if rows[:, 0].max() > 9:
        raise InputError(f"{name} has the label {rows[:, 0].max()}, expected 0 to 9; download it again")
    return rows
