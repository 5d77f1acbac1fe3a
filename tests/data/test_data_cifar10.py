from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data_files import cifar_files, write_tar, write_tree

import noiseless.data as nd
from noiseless.data import cifar10
from noiseless.errors import InputError


def place(kind: str, root: Path) -> Path:
    if kind == "archive":
        write_tar(root / cifar10.ARCHIVE, cifar_files(), "w:gz")
        return root
    write_tree(root, cifar_files())
    return root if kind == "parent" else root / cifar10.FOLDER


@pytest.mark.parametrize("kind", ["archive", "parent", "folder"])
def test_every_layout(tmp_path: Path, kind: str) -> None:
    data = nd.load("cifar10", data_dir=place(kind, tmp_path))
    assert data.spec.shape == (3, 32, 32)
    assert (len(data.train), len(data.validation), len(data.test)) == (18, 2, 4)
    assert data.test.labels is not None
    assert data.test.labels.tolist() == [5] * 4
    np.testing.assert_array_equal(data.test.take([1])[0], np.full((3, 32, 32), 51))


def test_layouts_have_one_fingerprint(tmp_path: Path) -> None:
    for kind in ("archive", "parent"):
        (tmp_path / kind).mkdir()
    found = {nd.load("cifar10", data_dir=place(kind, tmp_path / kind)).fingerprint for kind in ("archive", "parent")}
    assert len(found) == 1


@pytest.mark.parametrize("name", cifar10.PICKLES)
def test_the_pickle_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(InputError, match=r"python version, a pickle, which could run any code.*binary"):
        nd.load("cifar10", data_dir=tmp_path)


def test_absent(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'cifar10' is not on this machine.*put cifar-10-binary.tar.gz"):
        nd.load("cifar10", data_dir=tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"\0" * 3000, "3000 bytes, expected a multiple of 3073"), (b"", "0 bytes"), (b"\x0b" * 3073, "the label 11")],
)
def test_damaged_records(tmp_path: Path, content: bytes, message: str) -> None:
    write_tree(tmp_path, cifar_files() | {f"{cifar10.FOLDER}/data_batch_3.bin": content})
    with pytest.raises(InputError, match=rf"data_batch_3.bin has {message}"):
        nd.load("cifar10", data_dir=tmp_path)


def test_damaged_archive(tmp_path: Path) -> None:
    path = write_tar(tmp_path / cifar10.ARCHIVE, cifar_files(), "w:gz")
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match=r"cifar-10-binary.tar.gz"):
        nd.load("cifar10", data_dir=tmp_path)


def test_incomplete_archive(tmp_path: Path) -> None:
    files = cifar_files()
    del files[f"{cifar10.FOLDER}/test_batch.bin"]
    write_tar(tmp_path / cifar10.ARCHIVE, files, "w:gz")
    with pytest.raises(InputError, match=r"holds no test_batch.bin"):
        nd.load("cifar10", data_dir=tmp_path)
