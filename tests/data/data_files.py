"""Small files of every layout."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from noiseless.data import cifar10


def encoded(array: np.ndarray, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, kind)
    return stream.getvalue()


def picture(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape or (8, 8, 3), dtype=np.uint8)


def write_tree(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def write_tar(path: Path, files: dict[str, bytes], mode: str = "w:xz") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def idx_bytes(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write_idx(folder: Path, zipped: bool = True, dotted: bool = False, seed: int = 0) -> Path:
    """The four files: 30 training and 6 test images of 28x28."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for part, count in (("train", 30), ("t10k", 6)):
        images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        for name, array in ((f"{part}-images-idx3-ubyte", images), (f"{part}-labels-idx1-ubyte", labels)):
            content = idx_bytes(array)
            spelling = name.replace("-idx", ".idx") if dotted else name
            path = folder / (spelling + ".gz" * zipped)
            path.write_bytes(gzip.compress(content) if zipped else content)
    return folder


def cifar_files() -> dict[str, bytes]:
    """Six files of four records each; record i of file k has the label k and all its values 10 k + i."""
    rows = {
        file: np.stack([np.r_[k, np.full(3072, 10 * k + i)] for i in range(4)]).astype(np.uint8).tobytes()
        for k, file in enumerate(cifar10.FILES)
    }
    return {f"{cifar10.FOLDER}/{file}": content for file, content in rows.items()}


def class_files() -> dict[str, bytes]:
    """Twenty colour images of 8x8 in two classes, with what is to be passed over."""
    images = {
        f"{kind}/{i:02}.png": encoded(picture(100 * len(kind) + i)) for kind in ("cat", "horse") for i in range(10)
    }
    return images | {"cat/.hidden.png": b"x", "__MACOSX/cat/00.png": b"x", "readme.txt": b"x"}


def part_files(root: str = "set/") -> dict[str, bytes]:
    """Images in train/, val/ and test/, two classes each, below a single folder."""
    counts = {"train": 6, "val": 2, "test": 3}
    return {
        f"{root}{part}/{kind}/{i}.png": encoded(picture(hash_of(part, kind, i), 8, 8))
        for part, count in counts.items()
        for kind in ("a", "b")
        for i in range(count)
    }


def hash_of(*parts: object) -> int:
    return sum((k + 1) * ord(letter) for k, letter in enumerate(repr(parts)))
