r"""MNIST and Fashion-MNIST: four idx files each, gzipped or not.

An idx file consists of two zero bytes, the type of its numbers (8: uint8), the number of axes, each axis's length as a
big-endian int32, and the numbers. Both data sets have 60,000 training and 10,000 test images of 28x28; 10,000 training
images, drawn by seed, form the validation split. (The papers intend the last 10,000, but in their released loader
training and validation overlap.)

References: Y. LeCun, C. Cortes, C. Burges, The MNIST database of handwritten digits; H. Xiao, K. Rasul, R. Vollgraf,
Fashion-MNIST, 2017, https://arxiv.org/abs/1708.07747.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from io import BufferedIOBase
from pathlib import Path
from typing import cast

import numpy as np

from noiseless.data.raw import TEST, TRAIN, LoadOptions, Raw, joined
from noiseless.data.sources import absent, cache, download, folders
from noiseless.errors import InputError

__all__ = ["DATASETS", "fashion_mnist", "mnist", "read_idx"]

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
ADDRESSES = {
    "mnist": "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "fashion-mnist": "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
}
# Checksums of the gzipped files at these addresses: a mirror for MNIST, the authors' for Fashion-MNIST.
DIGESTS = {
    "mnist": (
        "sha256:440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "sha256:3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "sha256:8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "sha256:f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
    "fashion-mnist": (
        "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "md5:25c81989df183df01b3e8a0aad5dffbe",
        "md5:bef4ecab320f06d8554ea6380940ec79",
        "md5:bb300cfdad3c16e7a12a480ee83cd310",
    ),
}
HELD_OUT = 10_000
LARGEST = 1 << 31


def mnist(request: LoadOptions, first: int = 0) -> Raw:
    """Handwritten digits: 70,000 grey images of 28x28, 10 classes (found or downloaded, 12 MB)."""
    return _load("mnist", request, first)


def fashion_mnist(request: LoadOptions, first: int = 0) -> Raw:
    """Pieces of clothing: 70,000 grey images of 28x28, 10 classes (found or downloaded, 31 MB)."""
    return _load("fashion-mnist", request, first)


DATASETS = {"mnist": mnist, "fashion-mnist": fashion_mnist}


def read_idx(path: Path, axes: int) -> np.ndarray:
    """The uint8 numbers of an idx file, gzipped if its name ends in ``.gz``.

    Raises:
        InputError: the file is truncated, damaged, or not an idx file with this number of axes.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            return _parsed(path, cast(BufferedIOBase, stream), axes)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read ({error}); download the file again") from error


def _parsed(path: Path, stream: BufferedIOBase, axes: int) -> np.ndarray:
    header = stream.read(4 + 4 * axes)
    if len(header) < 4 + 4 * axes or header[:4] != bytes([0, 0, 8, axes]):
        raise InputError(f"{path} is not an idx file of bytes with {axes} axes; download the file again")
    shape = struct.unpack(f">{axes}I", header[4:])
    count = math.prod(shape)
    if count > LARGEST:
        raise InputError(f"{path} claims {count} bytes, more than the maximum of {LARGEST}; download the file again")
    content = stream.read(count + 1)
    if len(content) != count:
        given = "more" if len(content) > count else f"{len(content)}"
        raise InputError(f"{path} announces {count} bytes and holds {given}; download the file again")
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)


def _load(name: str, request: LoadOptions, first: int) -> Raw:
    """The whole data set, or the first training images only, a tenth of which forms the validation split."""
    if first < 0:
        raise InputError(f"the option 'first' of data set {name!r} is {first}, but must be 0 (all of them) or more")
    train, train_labels, test, test_labels = _paths(name, request.data_dir)
    images = [read_idx(path, axes=3)[:, None] for path in (train, test)]
    labels = [read_idx(path, axes=1) for path in (train_labels, test_labels)]
    if first > len(images[0]):
        raise InputError(
            f"{name}:{first} requests more than the {len(images[0]):,} training images; leave out :{first}"
        )
    if first:
        images[0], labels[0] = images[0][:first], labels[0][:first]
    return joined(name, images, labels, (TRAIN, TEST), HELD_OUT)


def _paths(name: str, data_dir: Path | None) -> list[Path]:
    searched = [folder for folder in folders(name, data_dir) if not _belongs_to_another(folder, name)]
    for folder in searched:
        found = [_spelling(folder, file) for file in FILES]
        if None not in found:
            return [path for path in found if path is not None]
    return _downloaded(name, searched)


def _belongs_to_another(folder: Path, name: str) -> bool:
    # The files of both data sets have the same names, so a folder called `mnist` is never used for Fashion-MNIST.
    return folder.name in ADDRESSES and folder.name != name


def _spelling(folder: Path, file: str) -> Path | None:
    spellings = (file, file.replace("-idx", ".idx"))
    candidates = (folder / (spelling + suffix) for spelling in spellings for suffix in ("", ".gz"))
    return next((path for path in candidates if path.is_file()), None)


def _downloaded(name: str, searched: list[Path]) -> list[Path]:
    paths = [cache() / name / f"{file}.gz" for file in FILES]
    for path, digest in zip(paths, DIGESTS[name], strict=True):
        if not path.is_file():
            try:
                download(ADDRESSES[name] + path.name, path, digest)
            except InputError as error:
                wanted = ", ".join(f"{file}[.gz]" for file in FILES)
                raise absent(name, wanted, searched, f"and {error}") from error
    return paths
